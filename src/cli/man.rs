//! hostwatch(8) as roff, from the definition that also prints `--help`.

use clap::{Arg, Command, CommandFactory};

use super::args::Arguments;

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut command = Arguments::command();
    command.build();
    let mut page = String::new();
    page.push_str(".\\\" Generated from the command line's definition; do not edit.\n");
    page.push_str(&format!(
        ".TH HOSTWATCH 8 \"\" \"hostwatch {}\" \"System Administration\"\n",
        env!("CARGO_PKG_VERSION")
    ));
    page.push_str(
        ".SH NAME\nhostwatch \\- watch this server and mail a person when something changes\n",
    );
    page.push_str(".SH SYNOPSIS\n");
    for sub in visible(&command) {
        page.push_str(&format!(".br\n{}\n", synopsis(sub)));
    }
    section(&mut page, "DESCRIPTION", &long_about(&command));
    page.push_str(".SH COMMANDS\n");
    for sub in visible(&command) {
        describe(&mut page, sub);
    }
    section(&mut page, "FILES", FILES);
    section(&mut page, "SIGNALS", SIGNALS);
    section(&mut page, "EXIT STATUS", EXIT_STATUS);
    if let Some(help) = command.get_after_help() {
        let examples = help.to_string();
        let examples = examples.split("\n\n").next().unwrap_or_default();
        section(&mut page, "EXAMPLES", "");
        literal(&mut page, examples.trim_start_matches("Examples:\n"));
    }
    page.push_str(".SH SEE ALSO\n.BR hostwatch.yaml (5),\n.BR systemctl (1)\n");
    page
}

const FILES: &str = "/etc/hostwatch/hostwatch.yaml: host, contacts and mail; may be missing.

/etc/hostwatch/conf.d/*.yaml: checks, read in the order of their names; may be missing.

/var/lib/hostwatch: journal of states and of mail not yet delivered, and the Maildir that gets \
mail when there is no other way out.

/run/hostwatch/control.sock: where the running agent answers status, explain, mail and reload.";

const SIGNALS: &str = "SIGHUP: read the configuration again; if it has an error the running one \
stays in force.

SIGTERM, SIGINT: keep what must be kept and stop.";

const EXIT_STATUS: &str = "0: done. 1: failed. 64: wrong usage. 69: no agent runs. 77: no \
privilege. 78: the configuration has an error.

check and status: 0 ok, 1 warning, 2 critical, 3 unknown (critical before unknown before \
warning) or wrong usage.";

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set())
}

fn synopsis(command: &Command) -> String {
    let mut command = command.clone();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let (program, rest) = usage.split_once(' ').unwrap_or((usage, ""));
    format!("\\fB{}\\fR {}", escape(program), escape(rest))
}

fn describe(page: &mut String, command: &Command) {
    page.push_str(&format!(".SS {}\n", synopsis(command)));
    paragraphs(page, &long_about(command));
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_builtin(arg)) {
        page.push_str(&format!(".TP\n{}\n{}\n", term(arg), escape(&arg_help(arg))));
    }
    if let Some(help) = command.get_after_help() {
        let help = help.to_string();
        let examples = help.split("\n\n").next().unwrap_or_default();
        let examples = examples.split_once('\n').map_or("", |(_, rest)| rest);
        page.push_str(".PP\n");
        literal(page, examples);
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        describe(page, sub);
    }
}

fn is_builtin(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

fn term(arg: &Arg) -> String {
    let mut names = Vec::new();
    if let Some(short) = arg.get_short() {
        names.push(format!("\\fB\\-{short}\\fR"));
    }
    if let Some(long) = arg.get_long() {
        names.push(format!("\\fB\\-\\-{}\\fR", escape(long)));
    }
    let takes_value = arg.get_action().takes_values();
    let values: Vec<String> = arg
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .filter(|_| takes_value)
        .map(|name| format!("\\fI{}\\fR", escape(name)))
        .collect();
    [names.join(", "), values.join(" ")].join(" ").trim().to_owned()
}

fn arg_help(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !choices.is_empty() && arg.get_action().takes_values() {
        text.push_str(&format!(" One of: {}.", choices.join(", ")));
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        text.push_str(&format!(" Default: {}.", defaults.join(" ")));
    }
    text
}

fn long_about(command: &Command) -> String {
    command
        .get_long_about()
        .or_else(|| command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn section(page: &mut String, title: &str, text: &str) {
    page.push_str(&format!(".SH {title}\n"));
    paragraphs(page, text);
}

fn paragraphs(page: &mut String, text: &str) {
    for (index, paragraph) in text.split("\n\n").filter(|p| !p.is_empty()).enumerate() {
        if index > 0 {
            page.push_str(".PP\n");
        }
        let mut line = escape(&paragraph.replace('\n', " "));
        if !line.ends_with(['.', ':', ')']) {
            line.push('.');
        }
        page.push_str(&line);
        page.push('\n');
    }
}

fn literal(page: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    page.push_str(".nf\n");
    for line in text.lines() {
        page.push_str(&escape(line));
        page.push('\n');
    }
    page.push_str(".fi\n");
}

/// Backslashes, hyphens and a leading control character, as groff_char(7) wants them.
fn escape(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
