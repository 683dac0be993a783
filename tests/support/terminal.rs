//! A terminal of a chosen width, and what somebody in front of it sees of a program.
#![allow(dead_code, reason = "every test takes what it needs of it")]

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Whether the program's input is the terminal, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyboard {
    None,
    Attached,
}

/// A program whose output and errors are a terminal.
pub struct OnTerminal {
    pub process: Child,
    screen: BufReader<File>,
}

impl OnTerminal {
    /// Starts it on a terminal of that many columns.
    pub fn start(command: Command, columns: u16) -> Self {
        Self::started(command, columns, Keyboard::None)
    }

    /// The same with somebody in front of it: its input is the terminal, too.
    pub fn attended(command: Command, columns: u16) -> Self {
        Self::started(command, columns, Keyboard::Attached)
    }

    fn started(mut command: Command, columns: u16, keyboard: Keyboard) -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&near).and_then(|()| unlockpt(&near)).expect("its other end opens");
        let name = ptsname(&near, Vec::new()).expect("it has a name");
        let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let far = OpenOptions::new().read(true).write(true).open(path).expect("its other end");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&far, size).expect("its size is set");
        if keyboard == Keyboard::Attached {
            command.stdin(far.try_clone().expect("a third handle"));
        }
        command.stdout(far.try_clone().expect("a second handle")).stderr(far);
        let process = command.spawn().expect("the program starts");
        // the command holds handles of the other end, which must be closed for the screen to end
        drop(command);
        Self { process, screen: BufReader::new(File::from(near)) }
    }

    /// The next line, without its end; `None` when the program has ended.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.screen.read_until(b'\n', &mut line) {
            Ok(length) if length > 0 => {
                let line = String::from_utf8(line).expect("UTF-8");
                // a bar of progress is written over in its place
                let shown = line.trim_end_matches(['\r', '\n']).rsplit('\r').next().unwrap_or_default();
                Some(shown.trim_start_matches("\u{1b}[2K").to_owned())
            }
            // Linux reports the other end's closing as an error
            Ok(_) | Err(_) => None,
        }
    }

    /// The lines up to the first with that text.
    pub fn lines_until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            let is_last = line.contains(text);
            lines.push(line);
            if is_last {
                return lines;
            }
        }
        panic!("the screen ended without {text:?}: {lines:#?}");
    }

    /// Everything until the program ends, and its exit code.
    pub fn end(mut self) -> (i32, String) {
        let mut text = String::new();
        while let Some(line) = self.line() {
            text.push_str(&line);
            text.push('\n');
        }
        (self.process.wait().expect("it ends").code().expect("it ended by itself"), text)
    }
}

/// What a terminal of that width shows of a program that ends by itself.
pub fn screen(command: Command, columns: u16) -> (i32, String) {
    OnTerminal::start(command, columns).end()
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}
