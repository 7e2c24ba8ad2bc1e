//! Settings from a TOML file: they complete what flags and variables give.

use super::{ServeArgs, SettingError};

/// Adds the settings of the file that `--config` names, where they are not given otherwise.
pub(super) fn complete(args: ServeArgs) -> Result<ServeArgs, SettingError> {
    let Some(path) = &args.config else { return Ok(args) };
    let refuse = |problem: String| SettingError::new("--config", format_args!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read ({error})")))?;
    let file: ServeArgs = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    Ok(ServeArgs {
        listen: args.listen.or(file.listen),
        redis: either(args.redis, file.redis),
        site: either(args.site, file.site),
        frappe: args.frappe.or(file.frappe),
        allow_origin: either(args.allow_origin, file.allow_origin),
        log_level: args.log_level.or(file.log_level),
        config: args.config,
        heartbeat: args.heartbeat.or(file.heartbeat),
        max_frame_bytes: args.max_frame_bytes.or(file.max_frame_bytes),
        max_rooms: args.max_rooms.or(file.max_rooms),
        max_joins_per_second: args.max_joins_per_second.or(file.max_joins_per_second),
        max_connections_per_user: args.max_connections_per_user.or(file.max_connections_per_user),
        max_connections_per_address: args.max_connections_per_address.or(file.max_connections_per_address),
        queue_frames: args.queue_frames.or(file.queue_frames),
        queue_bytes: args.queue_bytes.or(file.queue_bytes),
        history_seconds: args.history_seconds.or(file.history_seconds),
        history_bytes: args.history_bytes.or(file.history_bytes),
        dev_reload: args.dev_reload,
    })
}

fn either(given: Vec<String>, in_file: Vec<String>) -> Vec<String> {
    if given.is_empty() { in_file } else { given }
}
