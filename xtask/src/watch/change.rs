//! What a changed file means for what is served.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::ops::BitOrAssign;
use std::path::{Component, Path};

/// The folders that are watched.
pub(super) const WATCHED: [&str; 5] = ["app", "frontend", "realtime", "server", "style"];

/// What must be built again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rebuild {
    pub(super) frontend: bool,
    pub(super) server: bool,
    pub(super) style: bool,
}

impl Rebuild {
    const NOTHING: Self = Self { frontend: false, server: false, style: false };
    const FRONTEND: Self = Self { frontend: true, ..Self::NOTHING };
    const SERVER: Self = Self { server: true, ..Self::NOTHING };
    const STYLE: Self = Self { style: true, ..Self::NOTHING };
    const BOTH_HALVES: Self = Self { frontend: true, server: true, style: false };

    /// What a changed file, named from the workspace root on, asks for.
    pub(super) fn after(changed: &Path) -> Self {
        let mut folders = changed.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let room = folders.next().and_then(OsStr::to_str).unwrap_or_default();
        let is_test = folders.next().is_some_and(|folder| folder == "tests" || folder == "benches");
        if is_test || !is_source(changed) {
            return Self::NOTHING;
        }
        match room {
            "style" => Self::STYLE,
            "frontend" => Self::FRONTEND,
            "server" => Self::SERVER,
            "app" | "realtime" => Self::BOTH_HALVES,
            _ => Self::NOTHING,
        }
    }

    /// What several changed files ask for together.
    pub(super) fn after_all<'a>(changed: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut rebuild = Self::NOTHING;
        for path in changed {
            rebuild |= Self::after(path);
        }
        rebuild
    }

    /// Whether there is nothing to do.
    pub(super) fn is_nothing(self) -> bool {
        self == Self::NOTHING
    }
}

impl Display for Rebuild {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.frontend, "wasm"), (self.server, "server"), (self.style, "style")];
        let named: Vec<&str> = parts.iter().filter(|(is_in, _)| *is_in).map(|(_, name)| *name).collect();
        formatter.write_str(&named.join(" + "))
    }
}

impl BitOrAssign for Rebuild {
    fn bitor_assign(&mut self, other: Self) {
        self.frontend |= other.frontend;
        self.server |= other.server;
        self.style |= other.style;
    }
}

/// Not what an editor keeps beside a file while it is open, and not a text for people.
fn is_source(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return false;
    };
    let is_hidden = name.starts_with(['.', '#']);
    let is_backup = name.ends_with('~') || name.bytes().all(|byte| byte.is_ascii_digit());
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    !is_hidden && !is_backup && !matches!(extension, "md" | "swp" | "tmp" | "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changed: &[&str]) -> Rebuild {
        Rebuild::after_all(changed.iter().map(Path::new))
    }

    #[test]
    fn a_style_sheet_needs_no_cargo() {
        assert_eq!(after(&["style/main.css"]), Rebuild::STYLE);
    }

    #[test]
    fn the_server_alone_needs_no_wasm() {
        assert_eq!(after(&["server/src/hub.rs", "server/Cargo.toml"]), Rebuild::SERVER);
    }

    #[test]
    fn the_wasm_entry_alone_needs_no_server() {
        assert_eq!(after(&["frontend/src/lib.rs"]), Rebuild::FRONTEND);
    }

    #[test]
    fn what_both_halves_hold_is_built_into_both() {
        assert_eq!(after(&["app/src/pages/todo.rs"]), Rebuild::BOTH_HALVES);
        assert_eq!(after(&["realtime/src/room.rs"]), Rebuild::BOTH_HALVES);
    }

    #[test]
    fn several_changes_add_up() {
        let all = Rebuild { frontend: true, server: true, style: true };
        assert_eq!(after(&["style/main.css", "frontend/src/lib.rs", "server/src/main.rs"]), all);
        assert_eq!(all.to_string(), "wasm + server + style");
        assert!(after(&[]).is_nothing());
    }

    #[test]
    fn nothing_is_served_from_tests_notes_and_editors_files() {
        for path in [
            "server/tests/redis.rs",
            "server/benches/fan_out.rs",
            "app/README.md",
            "app/src/.lib.rs.swp",
            "app/src/lib.rs~",
            "app/src/#lib.rs#",
            "app/src/4913",
            "style",
            "xtask/src/main.rs",
            "",
        ] {
            assert!(after(&[path]).is_nothing(), "{path}");
        }
    }
}
