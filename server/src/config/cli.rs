//! The command line. Every flag of `serve` is also a variable `FRAPPE_LIVE_…`.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Deserialize;

use super::file::one_or_more;

/// Live pages for Frappe: server-rendered, and current from then on.
#[derive(Debug, Parser)]
#[command(name = "frappe-live", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

impl Cli {
    /// Reads the command line, and the variables that hold something: a compose file writes those that it leaves open
    /// as empty texts.
    ///
    /// # Errors
    /// What cannot be read, or what is to be shown instead: help or the version.
    pub fn read() -> Result<Self, clap::Error> {
        let mut command = without_empty_variables(Self::command());
        let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg });
    command.mut_subcommands(without_empty_variables)
}

/// What cannot be read of a command line, in one line.
#[must_use]
pub fn sentence_of(error: &clap::Error) -> String {
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) {
        return format!(
            "{word:?} cannot stand here: a command (serve or publish) stands first, its flags after it, and a value \
             after its flag (frappe-live --help says more)"
        );
    }
    let text = error.to_string();
    // The lines after the first may be what it is about.
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let words = lines.join(" ");
    format!("{} (frappe-live --help says more)", words.strip_prefix("error: ").unwrap_or(&words))
}

/// Yes or no, in the words that variables are usually given with.
fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("give true, yes, on or 1, or else false, no, off or 0"),
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve pages and events (the default).
    Serve(Box<ServeArgs>),
    /// Publish an event, as `frappe.publish_realtime` does in Python.
    Publish(Box<PublishArgs>),
}

/// The settings of `serve`, unchecked. A file given with `--config` has the same names.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeArgs {
    /// Where to listen [default: 127.0.0.1:3000].
    #[arg(long, value_name = "IP:PORT", env = "FRAPPE_LIVE_LISTEN")]
    pub listen: Option<String>,

    /// Redis to subscribe to; may be repeated (Frappe 15+ publishes on `redis_queue`, 13 and 14 on
    /// `redis_socketio`). Without it events come from an embedded bus, and a demo publishes on it.
    #[arg(long, value_name = "URL", env = "FRAPPE_LIVE_REDIS", value_delimiter = ',', hide_env_values = true)]
    #[serde(deserialize_with = "one_or_more")]
    pub redis: Vec<String>,

    /// Site to serve; the first is the default one, more may follow [default: demo.localhost].
    #[arg(long, value_name = "NAME", env = "FRAPPE_LIVE_SITE", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub site: Vec<String>,

    /// Frappe's own address, which is asked who somebody is. Without it an embedded demo site answers, to which
    /// every visitor is Administrator: with `--redis` too, whoever reaches this server reads the bench's events.
    #[arg(long, value_name = "URL", env = "FRAPPE_LIVE_FRAPPE")]
    pub frappe: Option<String>,

    /// Another origin whose pages may open `WebSocket`s here and post; may be repeated. They cannot read the answers to
    /// what they post or fetch (there is no CORS), and with requests from another site a browser sends no `SameSite`
    /// cookies.
    #[arg(long, value_name = "ORIGIN", env = "FRAPPE_LIVE_ALLOW_ORIGIN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub allow_origin: Vec<String>,

    /// Another origin whose pages may show pages of this server in a frame; may be repeated, and its host may begin
    /// with `*.`. The word none: nobody's, not even the site's own.
    #[arg(long, value_name = "ORIGIN", env = "FRAPPE_LIVE_FRAME_ANCESTOR", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub frame_ancestor: Vec<String>,

    /// Believe `X-Frappe-Site-Name`, `X-Forwarded-Host`, `X-Forwarded-Proto` and the last address of
    /// `X-Forwarded-For`. Only behind a proxy that overwrites them: otherwise visitors choose what they say. Behind a
    /// proxy without it everybody has the proxy's address: all share --max-connections-per-address, tries to sign in
    /// are counted by user and for the whole site, and Frappe is not told where they come from (a proxy on another
    /// machine counts as one visitor in both), and cookies may lack Secure.
    #[arg(
        long,
        value_name = "BOOL",
        env = "FRAPPE_LIVE_TRUST_PROXY",
        num_args = 0..=1,
        default_missing_value = "true",
        value_parser = boolean
    )]
    pub trust_proxy: Option<bool>,

    /// A secret of at least 32 characters that sessions of native apps and tokens of tasks are sealed with. May be
    /// repeated; the variable is split at commas, so a secret in it holds none. The first one given seals, all open: to
    /// change it, put the new one before the old one. Without it the server makes one up, and these end when it
    /// restarts.
    #[arg(long, value_name = "SECRET", env = "FRAPPE_LIVE_SECRET_KEY", value_delimiter = ',', hide_env_values = true)]
    #[serde(deserialize_with = "one_or_more")]
    pub secret_key: Vec<String>,

    /// Custom rooms that may be joined, and by whom: NAME=WHO, where `*` in the name is any text and `{user}` the
    /// user's login, and WHO is everyone, users or system-users; like board:*=system-users. May be repeated.
    #[arg(long, value_name = "RULE", env = "FRAPPE_LIVE_ROOM_RULE", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub room_rule: Vec<String>,

    /// Let System Users join the room of any task, as Frappe lets everybody. Without it a task's room opens only to
    /// the user whom a server function gave the task.
    #[arg(
        long,
        value_name = "BOOL",
        env = "FRAPPE_LIVE_OPEN_TASKS",
        num_args = 0..=1,
        default_missing_value = "true",
        value_parser = boolean
    )]
    pub open_tasks: Option<bool>,

    /// What to log: off, error, warn, info, debug or trace [default: info].
    #[arg(long, value_name = "LEVEL", env = "FRAPPE_LIVE_LOG_LEVEL")]
    pub log_level: Option<String>,

    /// A TOML file with the settings that flags and variables do not give.
    #[arg(long, value_name = "FILE", env = "FRAPPE_LIVE_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Seconds of silence after which a connection is asked whether it is there; after two it ends
    /// [default: 25].
    #[arg(long, value_name = "SECONDS", env = "FRAPPE_LIVE_HEARTBEAT", help_heading = "Limits")]
    pub heartbeat: Option<u32>,

    /// Largest frame a page may send [default: 65536].
    #[arg(long, value_name = "BYTES", env = "FRAPPE_LIVE_MAX_FRAME_BYTES", help_heading = "Limits")]
    pub max_frame_bytes: Option<usize>,

    /// Rooms a connection may be in [default: 200].
    #[arg(long, value_name = "ROOMS", env = "FRAPPE_LIVE_MAX_ROOMS", help_heading = "Limits")]
    pub max_rooms: Option<usize>,

    /// Joins a connection may ask for in a second [default: 200].
    #[arg(long, value_name = "JOINS", env = "FRAPPE_LIVE_MAX_JOINS_PER_SECOND", help_heading = "Limits")]
    pub max_joins_per_second: Option<u32>,

    /// Frames a connection may send to other pages or to the app's handlers in a second [default: 20].
    #[arg(long, value_name = "FRAMES", env = "FRAPPE_LIVE_MAX_EMITS_PER_SECOND", help_heading = "Limits")]
    pub max_emits_per_second: Option<u32>,

    /// Questions to Frappe at a time, for each site; more wait, and are given up after some seconds. A quarter is kept
    /// for who somebody is. Give less than the site has gunicorn workers [default: 8].
    #[arg(long, value_name = "COUNT", env = "FRAPPE_LIVE_MAX_QUESTIONS", help_heading = "Limits")]
    pub max_questions: Option<usize>,

    /// Seconds for which an answer of Frappe's is kept, for each session and room [default: 5].
    #[arg(long, value_name = "SECONDS", env = "FRAPPE_LIVE_ANSWER_SECONDS", help_heading = "Limits")]
    pub answer_seconds: Option<u64>,

    /// Seconds within which a connection leaves what Frappe no longer lets its session read: after a sign-out, for a
    /// disabled user, with a lost role [default: 60].
    #[arg(long, value_name = "SECONDS", env = "FRAPPE_LIVE_REVIEW_SECONDS", help_heading = "Limits")]
    pub review_seconds: Option<u64>,

    /// Seconds for which a user counts as looking at a document after their connection broke, so that a reconnect or a
    /// reload is not seen by the others; at most 3600 [default: 10].
    #[arg(long, value_name = "SECONDS", env = "FRAPPE_LIVE_VIEWER_GRACE_SECONDS", help_heading = "Limits")]
    pub viewer_grace_seconds: Option<u64>,

    /// Frames of a connection that may be no frame of the protocol [default: 100].
    #[arg(long, value_name = "FRAMES", env = "FRAPPE_LIVE_MAX_ERRORS", help_heading = "Limits")]
    pub max_errors: Option<u32>,

    /// Connections of one user; guests count by address only [default: 100].
    #[arg(long, value_name = "COUNT", env = "FRAPPE_LIVE_MAX_CONNECTIONS_PER_USER", help_heading = "Limits")]
    pub max_connections_per_user: Option<usize>,

    /// Connections from one address; behind a proxy that is the proxy's, unless it is trusted [default: 10000].
    #[arg(long, value_name = "COUNT", env = "FRAPPE_LIVE_MAX_CONNECTIONS_PER_ADDRESS", help_heading = "Limits")]
    pub max_connections_per_address: Option<usize>,

    /// Frames that may wait for a slow page [default: 4096].
    #[arg(long, value_name = "FRAMES", env = "FRAPPE_LIVE_QUEUE_FRAMES", help_heading = "Limits")]
    pub queue_frames: Option<usize>,

    /// Bytes that may wait for a slow page [default: 16777216].
    #[arg(long, value_name = "BYTES", env = "FRAPPE_LIVE_QUEUE_BYTES", help_heading = "Limits")]
    pub queue_bytes: Option<usize>,

    /// Seconds for which events are kept for pages that come back [default: 150].
    #[arg(long, value_name = "SECONDS", env = "FRAPPE_LIVE_HISTORY_SECONDS", help_heading = "Limits")]
    pub history_seconds: Option<u64>,

    /// Bytes of events that are kept for each site [default: 67108864].
    #[arg(long, value_name = "BYTES", env = "FRAPPE_LIVE_HISTORY_BYTES", help_heading = "Limits")]
    pub history_bytes: Option<usize>,

    /// Pages of an older build load themselves again; for development.
    #[arg(long, hide = true, env = "FRAPPE_LIVE_DEV_RELOAD")]
    #[serde(skip)]
    pub dev_reload: bool,
}

/// What `publish` is given: the arguments of `frappe.publish_realtime`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The event's name [default: global, or `task_progress` with a task].
    #[arg(long)]
    pub event: Option<String>,
    /// The message, as JSON [default: {}].
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub message: Option<String>,
    /// The user to publish to.
    #[arg(long)]
    pub user: Option<String>,
    /// The doctype of the document, or of the list, to publish to.
    #[arg(long)]
    pub doctype: Option<String>,
    /// The name of the document to publish to.
    #[arg(long, value_name = "NAME")]
    pub docname: Option<String>,
    /// The background task to publish to.
    #[arg(long, value_name = "ID")]
    pub task_id: Option<String>,
    /// The room to publish to.
    #[arg(long)]
    pub room: Option<String>,
    /// The site to publish on [default: demo.localhost].
    #[arg(long, value_name = "NAME", env = "FRAPPE_LIVE_SITE")]
    pub site: Option<String>,
    /// The Redis to publish on.
    #[arg(long, value_name = "URL", env = "FRAPPE_LIVE_REDIS", hide_env_values = true)]
    pub redis: Option<String>,
}
