//! Entry point: everything is in the library, see [`hostwatch`].

fn main() -> std::process::ExitCode {
    hostwatch::cli::main()
}
