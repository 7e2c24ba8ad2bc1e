//! The program: one line, and an end on SIGTERM.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

struct Program {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fake-frappe"));
        let mut process =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn it_says_where_it_listens_and_ends_when_told() {
    let mut program = Program::start(&["--frappe-version", "16", "--listen", "127.0.0.1:0"]);
    let line = program.line();
    let rest = line.strip_prefix("fake-frappe 16 at http://127.0.0.1:").unwrap_or_else(|| panic!("{line}"));
    let port = rest.strip_suffix("/ (site rt16.localhost)").unwrap_or_else(|| panic!("{line}"));
    let address = ("127.0.0.1", port.parse::<u16>().expect("a port"));
    assert!(std::net::TcpStream::connect(address).is_ok());
    let id = program.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    assert!(program.process.wait().expect("it ends").success());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn it_refuses_a_version_nobody_captured() {
    let mut program = Program::start(&["--frappe-version", "13"]);
    assert_eq!(program.process.wait().expect("it ends").code(), Some(2));
    assert_eq!(program.line(), "");
}
