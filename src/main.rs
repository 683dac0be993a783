//! The thin binary: parse, run, print the error chain, exit code.

fn main() -> std::process::ExitCode {
    tickler::commands::main()
}
