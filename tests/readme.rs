//! Every shell block of the README, run as written in an empty folder. Programs that would change the machine are replaced
//! by small scripts that check their arguments: `sudo` works in a folder of its own, `cargo` runs the built binary.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Conduct, Receiver, answer};

/// The shell blocks, each with the line it begins at.
fn shell_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some((_, block)) if line != "```" => {
                block.push_str(line);
                block.push('\n');
            }
            Some(_) => blocks.extend(open.take()),
            None if line == "```sh" => open = Some((number + 2, String::new())),
            None => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// What stands in for programs that would change the machine.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
  "run --release -- demo") cd "$REPOSITORY" && exec tickler demo ;;
  "install --locked --path .") grep -q '^name = "tickler"' "$REPOSITORY/Cargo.toml" ;;
  *) echo "unexpected: cargo $*" >&2; exit 1 ;;
esac
"#;
const TEST: &str = "#!/bin/sh\ntest -x \"$REPOSITORY/test\"\n";
const SUDO: &str = r#"#!/bin/bash
program=$1; shift
case "$program" in
  useradd) [ "$*" = "--system tickler" ] ;;
  systemctl) [ "$*" = "enable --now tickler" ] && test -s "$FAKE_ROOT/etc/systemd/system/tickler.service" ;;
  mkdir|cp|tee|install)
    arguments=()
    for argument in "$@"; do
      case "$argument" in /*) argument=$FAKE_ROOT$argument ;; esac
      arguments+=("$argument")
    done
    exec "$program" "${arguments[@]}" ;;
  *) echo "unexpected: sudo $program $*" >&2; exit 1 ;;
esac
"#;

struct Stage {
    folder: tempfile::TempDir,
    /// Where the next block runs.
    place: PathBuf,
    url: String,
}

impl Stage {
    fn new(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for made in ["bin", "checkout/target/release", "root/etc/systemd/system", "root/usr/local/bin", "empty"] {
            std::fs::create_dir_all(root.join(made)).expect("a folder");
        }
        let tickler = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_tickler"));
        for (name, text) in
            [("bin/cargo", CARGO), ("bin/sudo", SUDO), ("bin/tickler", &tickler), ("checkout/test", TEST)]
        {
            std::fs::write(root.join(name), text).expect("a script");
            std::fs::set_permissions(root.join(name), PermissionsExt::from_mode(0o755)).expect("its mode is set");
        }
        let link = |from: &Path, to: &str| std::os::unix::fs::symlink(from, root.join(to)).expect("a link");
        link(Path::new(env!("CARGO_BIN_EXE_tickler")), "checkout/target/release/tickler");
        link(&repository.join("examples"), "checkout/examples");
        Self { place: root.join("empty"), url: url.to_owned(), folder }
    }

    fn run(&mut self, line: usize, block: &str) {
        let root = self.folder.path();
        let in_checkout = ["cargo ", "target/", "examples/"].iter().any(|word| block.contains(word));
        let place = if in_checkout { root.join("checkout") } else { self.place.clone() };
        let script = format!("set -euo pipefail\n{block}\npwd > \"$WHERE\"\n");
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(place)
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", root.join("bin").display()))
            .env("REPOSITORY", env!("CARGO_MANIFEST_DIR"))
            .env("FAKE_ROOT", root.join("root"))
            .env("WHERE", root.join("where"))
            // the page of a service on this machine may have the usual port
            .env("TICKLER_WEB__LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "README.md:{line}\n{block}\n{stdout}\n{stderr}");
        if block.contains("tickler inbound list") {
            assert!(stdout.contains("confirmed") && stdout.contains("L-1"), "README.md:{line}\n{stdout}");
        }
        if !in_checkout {
            let where_now = std::fs::read_to_string(root.join("where")).expect("the block came to its end");
            self.place = PathBuf::from(where_now.trim());
        }
    }

    /// The first real morning, which the README describes in words: the schedule's own address, the real ledger.
    fn call_everybody(&self) {
        let output = Command::new(env!("CARGO_BIN_EXE_tickler"))
            .args(["trigger", "day-before", "--now", "2026-11-24T14:00:00Z", "--ledger", "tickler.db"])
            .current_dir(&self.place)
            .env_clear()
            .env("THOUGHTLY_AUTOMATION_URL", &self.url)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_shell_block_of_the_readme_works_as_written() {
    let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{}}"#))]);
    let mut stage = Stage::new(&receiver.url("/webhook/automation/real"));
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let blocks = shell_blocks(&std::fs::read_to_string(readme).expect("there is a README"));
    assert!(blocks.len() >= 8, "the blocks were found");
    for (line, block) in &blocks {
        if block.contains("tickler audit") {
            stage.call_everybody();
        }
        stage.run(*line, block);
        if block.contains("tickler sandbox") {
            let received = std::fs::read_to_string(stage.place.join("received.txt")).expect("the sandbox's output");
            assert_eq!(
                received.matches("0143").count().min(1) + received.matches("0164").count().min(1),
                2,
                "{received}"
            );
            assert!(receiver.received().is_empty(), "a trial calls nobody");
        }
    }
    assert_eq!(receiver.received().len(), 3, "everybody with a phone was called once on the real morning");
}
