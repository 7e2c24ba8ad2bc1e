use clap::Parser;

use super::{Cli, Command, DEFAULT_SITE, ServeArgs, Settings, sentence_of};

fn settings(args: &[&str]) -> Result<Settings, String> {
    let cli = Cli::try_parse_from([&["frappe-live"], args].concat()).map_err(|error| error.to_string())?;
    Settings::new(cli.serve).map_err(|error| error.to_string())
}

#[test]
fn nothing_said_is_the_demo() {
    let settings = settings(&[]).expect("valid");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(settings.sites, [DEFAULT_SITE]);
    assert!(settings.redis.is_empty() && settings.frappe.is_none());
}

#[test]
fn repeated_flags_are_kept_once_and_in_order() {
    let redis = ["--redis", "redis://h:1", "--redis", "redis://h:2", "--redis", "redis://h:1"];
    let sites = ["--site", "b.localhost", "--site", "a.localhost", "--site", "b.localhost"];
    let settings = settings(&[&redis[..], &sites[..]].concat()).expect("valid");
    assert_eq!(settings.redis.len(), 2);
    assert_eq!(settings.sites, ["b.localhost", "a.localhost"]);
}

#[test]
fn what_cannot_be_used_is_named_in_one_line_without_secrets() {
    for (args, named) in [
        (["--listen", "nowhere"], "--listen"),
        (["--redis", "http://user:secret@h"], "--redis"),
        (["--frappe", "https://user:secret@erp.example.com"], "--frappe"),
        (["--frappe", "127.0.0.1:8000"], "--frappe"),
        (["--frappe", "http://user:secret@127.0.0.1:8000"], "--frappe"),
        (["--site", "a b"], "--site"),
        (["--site", "http://a"], "--site"),
        (["--log-level", "loud"], "--log-level"),
        (["--log-level", ""], "--log-level"),
        (["--max-rooms", "0"], "--max-rooms"),
        (["--max-frame-bytes", "0"], "--max-frame-bytes"),
        (["--allow-origin", "http://user:secret@h"], "--allow-origin"),
        (["--allow-origin", "http://a/b"], "--allow-origin"),
        (["--allow-origin", "app.example.com"], "--allow-origin"),
        (["--frame-ancestor", "http://user:secret@h"], "--frame-ancestor"),
        (["--frame-ancestor", "https://a;script-src"], "--frame-ancestor"),
        (["--heartbeat", "0"], "--heartbeat"),
        (["--review-seconds", "0"], "--review-seconds"),
        (["--viewer-grace-seconds", "3601"], "--viewer-grace-seconds"),
        (["--max-questions", "0"], "--max-questions"),
        (["--max-emits-per-second", "0"], "--max-emits-per-second"),
        (["--room-rule", "board"], "--room-rule"),
        (["--room-rule", "board=admins"], "--room-rule"),
        (["--room-rule", "doc:*=users"], "--room-rule"),
        (["--room-rule", "inbox:{User}=users"], "--room-rule"),
        (["--config", "/nowhere/frappe-live.toml"], "--config"),
    ] {
        let error = settings(&args).expect_err(named);
        assert!(error.starts_with(named) && !error.contains('\n') && !error.contains("secret"), "{error}");
    }
}

#[test]
fn a_file_completes_what_the_flags_say() {
    let path = std::env::temp_dir().join(format!("frappe-live-settings-{}.toml", std::process::id()));
    std::fs::write(&path, "listen = \"127.0.0.1:4000\"\nredis = [\"redis://h:1\"]\nmax-rooms = 7\n").expect("a file");
    let path_text = path.to_str().expect("a plain path");
    let both = settings(&["--config", path_text, "--listen", "127.0.0.1:5000"]).expect("valid");
    assert_eq!((both.listen.port(), both.redis.len(), both.limits.session.rooms), (5000, 1, 7));

    std::fs::write(&path, "lissen = \"127.0.0.1:4000\"\n").expect("a file");
    let error = settings(&["--config", path_text]).expect_err("a typing error");
    assert!(error.contains("--config") && error.contains("lissen") && !error.contains('\n'), "{error}");
    std::fs::remove_file(path).expect("still there");
}

fn settings_of_file(name: &str, text: &str) -> Result<Settings, String> {
    let path = std::env::temp_dir().join(format!("frappe-live-{name}-{}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a file");
    let settings = settings(&["--config", path.to_str().expect("a plain path")]);
    std::fs::remove_file(path).expect("still there");
    settings
}

#[test]
fn a_wrong_file_is_refused_without_the_passwords_in_it() {
    for (text, said) in [
        ("max-rooms = 7\nredis = [\"redis://:hunter2@h]\n", "line 2, column "),
        ("redis = \"redis://:hunter2@h\n", "line 1, column "),
        ("redis = redis://:hunter2@h\n", "line 1, column "),
        ("redis = { url = \"redis://:hunter2@h\" }\n", "line 1, column 9: "),
        ("redis = [[\"redis://:hunter2@h\"]]\n", "line 1, column "),
        ("\n  max-rooms = \"redis://:hunter2@h\"\n", "line 2, column 15: "),
        ("redi = \"redis://:hunter2@h\"\n", "line 1, column 1: no setting is named \"redi\""),
        ("\"redis://:hunter2@h\" = 1\n", "line 1, column 1: no setting has this name"),
        ("redis = \"http://:hunter2@h\"\n", "--redis"),
    ] {
        let error = settings_of_file("secret", text).expect_err(text);
        assert!(error.contains(said) && !error.contains("hunter2") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_may_give_one_text_where_a_list_is_possible() {
    let text = "redis = \"redis://h:1\"\nsite = \"a.example\"\nallow-origin = \"https://b.example\"\n";
    let settings = settings_of_file("single", text).expect("valid");
    assert_eq!(settings.redis.len(), 1);
    assert_eq!(settings.sites, ["a.example"]);
    assert_eq!(settings.allowed_origins, ["https://b.example"]);
}

#[test]
fn a_proxy_is_trusted_and_pages_are_embedded_only_where_it_is_said() {
    let nothing = settings(&[]).expect("valid");
    assert_eq!((nothing.trust_proxy, nothing.frame_ancestors.to_string()), (false, "'self'".to_owned()));
    let said = settings(&["--trust-proxy", "--frame-ancestor", "https://a.example"]).expect("valid");
    assert_eq!((said.trust_proxy, said.frame_ancestors.to_string()), (true, "'self' https://a.example".to_owned()));
    let text = "trust-proxy = true\nframe-ancestor = \"https://*.b.example\"\n";
    let file = settings_of_file("proxy", text).expect("valid");
    assert_eq!((file.trust_proxy, file.frame_ancestors.to_string()), (true, "'self' https://*.b.example".to_owned()));
    assert!(!settings(&["--trust-proxy=no"]).expect("valid").trust_proxy);
}

#[test]
fn a_wrong_yes_or_no_did_not_say_what_is_right() {
    let read = |args: &[&str]| Cli::try_parse_from([&["frappe-live"], args].concat());
    for flag in ["--trust-proxy=maybe", "--open-tasks=maybe"] {
        let error = sentence_of(&read(&[flag]).expect_err(flag));
        assert!(error.contains("true, yes, on or 1") && !error.contains('\n'), "{error}");
    }
    for (value, expected) in [("yes", true), ("ON", true), ("1", true), ("no", false), ("Off", false), ("0", false)] {
        assert_eq!(settings(&["--trust-proxy", value]).expect("valid").trust_proxy, expected, "{value}");
    }
    assert!(settings(&["--trust-proxy", "--open-tasks"]).expect("valid").trust_proxy);
}

#[test]
fn a_word_in_the_wrong_place_gave_half_a_sentence() {
    for args in [&["--listen", "127.0.0.1:1", "yes"][..], &["yes"], &["--listen", "127.0.0.1:1", "publish"]] {
        let error = sentence_of(&Cli::try_parse_from([&["frappe-live"], args].concat()).expect_err("no command"));
        let is_whole = error.contains("stands first") && !error.contains('\n') && !error.contains(": (");
        assert!(is_whole, "{error}");
    }
}

#[test]
fn an_origin_that_no_page_has_was_allowed() {
    let error = settings(&["--allow-origin", "https://*.a.example"]).expect_err("no origin");
    assert!(error.starts_with("--allow-origin") && error.contains("each origin by itself"), "{error}");
}

#[test]
fn secrets_were_counted_in_bytes_and_spaces_were_one() {
    let refusal = |secret: String| settings(&["--secret-key", &secret]).expect_err("no secret");
    assert!(refusal("ü".repeat(16)).contains("shorter than 32 characters"));
    assert!(refusal(" ".repeat(40)).contains("nothing but spaces"));
    assert!(settings(&["--secret-key", &"ü".repeat(32)]).is_ok());
}

#[test]
fn the_limit_of_frames_that_are_not_understood_is_a_setting() {
    let errors = |args: &[&str]| settings(args).expect("valid").limits.session.errors;
    assert_eq!((errors(&[]), errors(&["--max-errors", "3"])), (100, 3));
    assert_eq!(settings_of_file("errors", "max-errors = 4\n").expect("valid").limits.session.errors, 4);
}

#[test]
fn the_grace_of_viewers_is_a_setting() {
    let grace = |settings: Result<Settings, String>| settings.expect("valid").limits.viewer_grace.as_secs();
    assert_eq!((grace(settings(&[])), grace(settings(&["--viewer-grace-seconds", "0"]))), (10, 0));
    assert_eq!(grace(settings_of_file("grace", "viewer-grace-seconds = 4\n")), 4);
}

#[test]
fn subcommands_are_read() {
    let cli = Cli::try_parse_from(["frappe-live", "serve", "--listen", "127.0.0.1:1"]).expect("valid");
    assert!(matches!(cli.command, Some(Command::Serve(args)) if args.listen.as_deref() == Some("127.0.0.1:1")));
    let cli = Cli::try_parse_from(["frappe-live", "publish", "--event", "count"]).expect("valid");
    assert!(matches!(cli.command, Some(Command::Publish(args)) if args.event.as_deref() == Some("count")));
    assert!(ServeArgs::default().config.is_none());
}

#[test]
fn what_permissions_need_can_be_set_by_flag_and_file() {
    let secret = "0123456789abcdef0123456789abcdef";
    let args = ["--secret-key", secret, "--room-rule", "a=users", "--room-rule", "b:*=everyone", "--open-tasks"];
    let said = settings(&args).expect("valid");
    assert_eq!(said.secrets.reveal(), [secret]);
    assert!(!format!("{said:?}").contains(secret), "{said:?}");
    let rules: Vec<String> = said.room_rules.iter().map(ToString::to_string).collect();
    assert_eq!((rules.join(" ").as_str(), said.open_tasks), ("a=users b:*=everyone", true));
    let text = "room-rule = [\"a=users\"]\nopen-tasks = true\nreview-seconds = 8\nmax-questions = 3\n";
    let file = settings_of_file("permissions", text).expect("valid");
    assert_eq!((file.room_rules.len(), file.open_tasks, file.limits.ask.questions_at_a_time), (1, true, 3));
    // An answer from before a change must not outlive the review that is to find it.
    assert_eq!((file.limits.session.review.as_secs(), file.limits.answers_kept_for.as_secs()), (8, 2));
    let short = settings(&["--secret-key", "hunter2"]).expect_err("too short");
    assert!(short.starts_with("--secret-key") && !short.contains("hunter2"), "{short}");
    let usual = settings(&[]).expect("valid").limits;
    assert_eq!((usual.session.review.as_secs(), usual.answers_kept_for.as_secs()), (60, 5));
}
