//! Settings from a TOML file: they complete what flags and variables give.

use std::ops::Range;

use serde::{Deserialize, Deserializer};

use super::{ServeArgs, SettingError};

/// Adds the settings of the file that `--config` names, where they are not given otherwise.
pub(super) fn complete(args: ServeArgs) -> Result<ServeArgs, SettingError> {
    let Some(path) = &args.config else { return Ok(args) };
    let refuse = |problem: String| SettingError::new("--config", format_args!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read ({error})")))?;
    let file = read(&text).map_err(refuse)?;
    Ok(ServeArgs {
        listen: args.listen.or(file.listen),
        redis: either(args.redis, file.redis),
        site: either(args.site, file.site),
        frappe: args.frappe.or(file.frappe),
        allow_origin: either(args.allow_origin, file.allow_origin),
        frame_ancestor: either(args.frame_ancestor, file.frame_ancestor),
        trust_proxy: args.trust_proxy.or(file.trust_proxy),
        secret_key: either(args.secret_key, file.secret_key),
        room_rule: either(args.room_rule, file.room_rule),
        open_tasks: args.open_tasks.or(file.open_tasks),
        log_level: args.log_level.or(file.log_level),
        config: args.config,
        heartbeat: args.heartbeat.or(file.heartbeat),
        max_frame_bytes: args.max_frame_bytes.or(file.max_frame_bytes),
        max_rooms: args.max_rooms.or(file.max_rooms),
        max_errors: args.max_errors.or(file.max_errors),
        max_joins_per_second: args.max_joins_per_second.or(file.max_joins_per_second),
        max_emits_per_second: args.max_emits_per_second.or(file.max_emits_per_second),
        max_questions: args.max_questions.or(file.max_questions),
        answer_seconds: args.answer_seconds.or(file.answer_seconds),
        viewer_grace_seconds: args.viewer_grace_seconds.or(file.viewer_grace_seconds),
        review_seconds: args.review_seconds.or(file.review_seconds),
        max_connections_per_user: args.max_connections_per_user.or(file.max_connections_per_user),
        max_connections_per_address: args.max_connections_per_address.or(file.max_connections_per_address),
        queue_frames: args.queue_frames.or(file.queue_frames),
        queue_bytes: args.queue_bytes.or(file.queue_bytes),
        history_seconds: args.history_seconds.or(file.history_seconds),
        history_bytes: args.history_bytes.or(file.history_bytes),
        dev_reload: args.dev_reload,
    })
}

/// Passwords stand in the file, and the parser's own words quote it: what is wrong is said without them.
fn read(text: &str) -> Result<ServeArgs, String> {
    let refuse = |error: &toml::de::Error, problem: &str| format!("{}{problem}", place(text, error.span()));
    text.parse::<toml::Table>().map_err(|error| {
        refuse(&error, "this is no TOML; look for a missing quote or bracket, or a setting that stands twice")
    })?;
    toml::from_str(text).map_err(|error| match unknown_key(error.message()) {
        Some(key) if key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) => {
            refuse(&error, &format!("no setting is named {key:?}; frappe-live --help lists them"))
        }
        Some(_) => refuse(&error, "no setting has this name; frappe-live --help lists them"),
        None => refuse(&error, "this setting takes another kind of value; frappe-live --help says which"),
    })
}

fn place(text: &str, span: Option<Range<usize>>) -> String {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return String::new() };
    let line_start = before.rfind('\n').map_or(0, |line_break| line_break + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    format!("line {line}, column {column}: ")
}

fn unknown_key(message: &str) -> Option<&str> {
    let (key, _) = message.strip_prefix("unknown field `")?.split_once('`')?;
    Some(key)
}

/// A list, or the one text that would be alone in it.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    })
}

fn either(given: Vec<String>, in_file: Vec<String>) -> Vec<String> {
    if given.is_empty() { in_file } else { given }
}
