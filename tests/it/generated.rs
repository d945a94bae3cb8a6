//! What is generated and committed must not be stale. `HOSTWATCH_BLESS=1` rewrites it.

use std::path::Path;
use std::process::Command;

fn fresh(file: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("HOSTWATCH_BLESS").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{file} is stale: run HOSTWATCH_BLESS=1 cargo test generated, and read the change"
    );
}

#[test]
fn the_man_page_of_the_command_is_fresh() {
    fresh("man/hostwatch.8", &hostwatch::cli::man::page());
}

#[test]
fn the_man_page_of_the_kinds_is_fresh() {
    fresh("man/hostwatch-kinds.7", &hostwatch::cli::reference::man_kinds().unwrap());
}

#[test]
fn the_man_page_of_forwarding_is_fresh() {
    fresh("man/hostwatch-forward.7", &hostwatch::cli::reference::man_forward());
}

#[test]
fn the_man_pages_format_without_a_complaint() {
    for page in ["man/hostwatch.8", "man/hostwatch-kinds.7", "man/hostwatch-forward.7"] {
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(page))
            .output()
            .expect("groff is installed by tests/run");
        let complaints = String::from_utf8_lossy(&groff.stderr);
        assert!(groff.status.success() && complaints.is_empty(), "{page}: {complaints}");
    }
}

#[test]
fn every_command_has_examples_and_every_argument_a_help() {
    use clap::CommandFactory;
    let command = hostwatch::cli::args::Arguments::command();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        assert!(sub.get_about().is_some(), "{} has no description", sub.get_name());
        for arg in sub.get_arguments() {
            assert!(arg.get_help().is_some(), "{} {} has no help", sub.get_name(), arg.get_id());
        }
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_hostwatch"))
            .args(["completions", shell])
            .output()
            .unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shell}");
        assert!(script.contains("hostwatch") && script.contains("explain"), "{shell}");
    }
}

#[test]
fn wrong_usage_is_64_and_for_check_and_status_3() {
    let code = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_hostwatch"))
            .args(arguments)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code(&["--no-such-thing"]), Some(64));
    assert_eq!(code(&["reload", "--no-such-thing"]), Some(64));
    assert_eq!(code(&["check", "--no-such-thing"]), Some(3));
    assert_eq!(code(&["status", "--no-such-thing"]), Some(3));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
}
