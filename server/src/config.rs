//! What the server was asked to do: flags, then environment variables, then a file.

mod cli;
mod file;
mod frame_ancestors;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use url::Url;

pub use self::cli::{Cli, Command, PublishArgs, ServeArgs, sentence_of};
pub use self::frame_ancestors::FrameAncestors;
use crate::authz::RoomRule;
use crate::conn::ConnectionLimits;
use crate::history::HistoryLimits;
use crate::queue::QueueLimits;
use crate::redis_address::RedisAddress;
use crate::seal::LEAST_SECRET_CHARACTERS;
use crate::session::SessionLimits;
use crate::site::frappe::AskLimits;

/// The site of the demo, and of a bench that names none.
pub const DEFAULT_SITE: &str = "demo.localhost";

/// Checked settings of `frappe-live serve`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Redis servers to subscribe to; none for the embedded bus.
    pub redis: Vec<RedisAddress>,
    /// The sites of this server; the first is the default one.
    pub sites: Vec<String>,
    /// Where Frappe answers; none for the embedded demo site.
    pub frappe: Option<Url>,
    /// Origins, beside the request's own host, whose pages may connect and post.
    pub allowed_origins: Vec<String>,
    /// Whose pages may embed ours.
    pub frame_ancestors: FrameAncestors,
    /// The proxy in front overwrites the headers that name the site, the host, the scheme and the visitor's address.
    pub trust_proxy: bool,
    /// Secrets that keys are made of; none for a random key.
    pub secrets: Secrets,
    /// Custom rooms that may be joined.
    pub room_rules: Vec<RoomRule>,
    /// Whether System Users may join any task's room.
    pub open_tasks: bool,
    /// What is logged.
    pub log_level: LevelFilter,
    /// Pages of an older build load themselves again.
    pub dev_reload: bool,
    /// What is bounded.
    pub limits: Limits,
}

/// Texts that must not be shown.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The texts.
    #[must_use]
    pub fn reveal(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} secrets", self.0.len())
    }
}

/// What is bounded, and where.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections of one user to one site.
    pub connections_per_user: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// One connection's frames and heartbeat.
    pub connection: ConnectionLimits,
    /// One connection's rooms and joins.
    pub session: SessionLimits,
    /// How a bench is asked.
    pub ask: AskLimits,
    /// How long an answer of Frappe's is kept.
    pub answers_kept_for: Duration,
    /// How long a page counts as looking at a document after its connection broke.
    pub viewer_grace: Duration,
    /// One connection's queue.
    pub queue: QueueLimits,
    /// The past that is kept.
    pub history: HistoryLimits,
}

/// A setting that cannot be used. One line that names the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError(String);

impl SettingError {
    /// Names the setting, then what is wrong and what to do.
    pub fn new(setting: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{setting}: {problem}"))
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A problem that another library words may hold line breaks; the promise is one line.
        formatter.write_str(&self.0.replace(['\n', '\r'], " "))
    }
}

impl std::error::Error for SettingError {}

impl Settings {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// The first setting that cannot be used, named.
    pub fn new(args: ServeArgs) -> Result<Self, SettingError> {
        let args = file::complete(args)?;
        let listen = args.listen.as_deref().unwrap_or("127.0.0.1:3000");
        let listen = listen.parse().map_err(|_| {
            SettingError::new("--listen", format_args!("{listen:?} is no address; give IP:PORT, like 127.0.0.1:3000"))
        })?;
        let redis = args.redis.iter().map(|url| RedisAddress::parse(url));
        let mut redis: Vec<RedisAddress> =
            redis.collect::<Result<_, _>>().map_err(|error| SettingError::new("--redis", error))?;
        let mut distinct = Vec::new();
        redis.retain(|address| {
            let is_new = !distinct.contains(address);
            distinct.extend(is_new.then(|| address.clone()));
            is_new
        });
        let log_level = args.log_level.as_deref().unwrap_or("info");
        // An empty text is the level off for the library: nobody means that.
        let log_level = Some(log_level).filter(|level| !level.is_empty()).and_then(|level| level.parse().ok());
        let log_level = log_level.ok_or_else(|| {
            let log_level = args.log_level.as_deref().unwrap_or_default();
            let problem = format_args!("{log_level:?} is no level; give off, error, warn, info, debug or trace");
            SettingError::new("--log-level", problem)
        })?;
        let allowed_origins = args.allow_origin.iter().map(|origin| allowed_origin(origin));
        Ok(Self {
            listen,
            redis,
            sites: sites(&args.site)?,
            frappe: args.frappe.as_deref().map(frappe_url).transpose()?,
            allowed_origins: allowed_origins.collect::<Result<_, _>>()?,
            frame_ancestors: FrameAncestors::new(&args.frame_ancestor)?,
            trust_proxy: args.trust_proxy.unwrap_or(false),
            secrets: secrets(&args.secret_key)?,
            room_rules: room_rules(&args.room_rule)?,
            open_tasks: args.open_tasks.unwrap_or(false),
            log_level,
            dev_reload: args.dev_reload,
            limits: limits(&args)?,
        })
    }
}

fn sites(names: &[String]) -> Result<Vec<String>, SettingError> {
    let mut sites: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim();
        if name.is_empty() || name.contains(|character: char| character.is_whitespace() || "/:\\".contains(character)) {
            let problem =
                format_args!("{name:?} is no site; give the name of its folder in sites/, like erp.example.com");
            return Err(SettingError::new("--site", problem));
        }
        if !sites.iter().any(|site| site == name) {
            sites.push(name.to_owned());
        }
    }
    if sites.is_empty() {
        sites.push(DEFAULT_SITE.to_owned());
    }
    Ok(sites)
}

fn secrets(secrets: &[String]) -> Result<Secrets, SettingError> {
    if secrets.iter().any(|secret| secret.trim().is_empty() && !secret.is_empty()) {
        let problem = "it is nothing but spaces; make one with: openssl rand -base64 32";
        return Err(SettingError::new("--secret-key", problem));
    }
    if secrets.iter().any(|secret| secret.chars().count() < LEAST_SECRET_CHARACTERS) {
        let problem = format_args!(
            "it is shorter than {LEAST_SECRET_CHARACTERS} characters; make one with: openssl rand -base64 32"
        );
        return Err(SettingError::new("--secret-key", problem));
    }
    Ok(Secrets(secrets.to_vec()))
}

fn room_rules(rules: &[String]) -> Result<Vec<RoomRule>, SettingError> {
    let rules = rules.iter().map(|rule| rule.parse().map_err(|error| SettingError::new("--room-rule", error)));
    rules.collect()
}

fn frappe_url(text: &str) -> Result<Url, SettingError> {
    let refuse = |problem: &str| {
        SettingError::new(
            "--frappe",
            format_args!("{problem}; give the bench's own address, like http://127.0.0.1:8000"),
        )
    };
    let url = Url::parse(text).map_err(|error| refuse(&format!("not a URL ({error})")))?;
    match url.scheme() {
        "http" if !url.username().is_empty() || url.password().is_some() => {
            Err(refuse("the address must hold no user or password"))
        }
        "http" if url.has_host() => Ok(url),
        "https" => Err(refuse("https is not spoken to Frappe, which is asked on its own machine or network")),
        other => Err(refuse(&format!("{other:?} is not spoken"))),
    }
}

fn allowed_origin(text: &str) -> Result<String, SettingError> {
    let is_origin = |url: &Url| {
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && is_bare && url.username().is_empty() && url.password().is_none()
    };
    if text.contains('*') {
        let problem = "a * stands for no origins here; give each origin by itself, like https://app.example.com";
        return Err(SettingError::new("--allow-origin", problem));
    }
    let url = Url::parse(text).ok().filter(is_origin);
    url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
        SettingError::new(
            "--allow-origin",
            "not an origin; give scheme, host and port only, like https://app.example.com",
        )
    })
}

fn limits(args: &ServeArgs) -> Result<Limits, SettingError> {
    let heartbeat = u64::from(at_least_one("--heartbeat", args.heartbeat, 25)?.get());
    let review = u64::from(at_least_one("--review-seconds", seconds(args.review_seconds), 60)?.get());
    let review = Duration::from_secs(review);
    // What is asked again during a review must not be answered from before the change.
    let longest_kept = review / 4;
    let session = SessionLimits {
        emits_per_second: at_least_one("--max-emits-per-second", args.max_emits_per_second, 20)?,
        review,
        rooms: some("--max-rooms", args.max_rooms, 200)?,
        joins_per_second: at_least_one("--max-joins-per-second", args.max_joins_per_second, 200)?,
        errors: args.max_errors.unwrap_or(100),
    };
    let history = HistoryLimits::default();
    Ok(Limits {
        connections_per_user: some("--max-connections-per-user", args.max_connections_per_user, 100)?,
        connections_per_address: some("--max-connections-per-address", args.max_connections_per_address, 10_000)?,
        connection: ConnectionLimits {
            frame_bytes: some("--max-frame-bytes", args.max_frame_bytes, 64 << 10)?,
            heartbeat: Duration::from_secs(heartbeat),
            farewell: Duration::from_secs(3),
        },
        session,
        ask: AskLimits {
            questions_at_a_time: some("--max-questions", args.max_questions, 8)?,
            patience: Duration::from_secs(5),
        },
        answers_kept_for: Duration::from_secs(args.answer_seconds.unwrap_or(5)).min(longest_kept).max(COALESCED_FOR),
        viewer_grace: viewer_grace(args.viewer_grace_seconds)?,
        queue: QueueLimits {
            frames: some("--queue-frames", args.queue_frames, 4_096)?,
            bytes: some("--queue-bytes", args.queue_bytes, 16 << 20)?,
        },
        history: HistoryLimits {
            age: Duration::from_secs(args.history_seconds.unwrap_or(history.age.as_secs())),
            site_bytes: args.history_bytes.unwrap_or(history.site_bytes),
            ..history
        },
    })
}

fn viewer_grace(seconds: Option<u64>) -> Result<Duration, SettingError> {
    match seconds.unwrap_or(10) {
        seconds @ 0..=3_600 => Ok(Duration::from_secs(seconds)),
        _ => Err(SettingError::new("--viewer-grace-seconds", "give 3600 or less")),
    }
}

/// Equal questions at the same moment are asked once, even where no answer is to be kept.
const COALESCED_FOR: Duration = Duration::from_millis(1);

fn seconds(seconds: Option<u64>) -> Option<u32> {
    seconds.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// A limit of nothing would refuse everything.
fn some(setting: &str, value: Option<usize>, default: usize) -> Result<usize, SettingError> {
    match value.unwrap_or(default) {
        0 => Err(SettingError::new(setting, "give 1 or more")),
        limit => Ok(limit),
    }
}

fn at_least_one(setting: &str, value: Option<u32>, default: u32) -> Result<NonZeroU32, SettingError> {
    NonZeroU32::new(value.unwrap_or(default)).ok_or_else(|| SettingError::new(setting, "give 1 or more"))
}

#[cfg(test)]
mod tests;
