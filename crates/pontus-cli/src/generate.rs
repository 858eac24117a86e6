//! What is made of the definitions of our options: completions for shells, and the manual.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// What can be made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// The manual, for man
    Man,
}

/// Prints the document of `program`. Nobody who reads on is no error: `| head` is how one looks at it.
///
/// # Errors
/// What standard output says.
pub fn generate(document: Document, program: Command) -> Result<()> {
    let mut text = Vec::new();
    write(document, program, &mut text)?;
    match io::stdout().write_all(&text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

fn write(document: Document, mut program: Command, out: &mut dyn Write) -> io::Result<()> {
    let shell = match document {
        Document::Bash => Shell::Bash,
        Document::Zsh => Shell::Zsh,
        Document::Fish => Shell::Fish,
        Document::Man => return manual(program, out),
    };
    let name = program.get_name().to_owned();
    let mut text = Vec::new();
    // Written elsewhere first: what writes completions panics where it cannot write.
    clap_complete::generate(shell, &mut program, name, &mut text);
    out.write_all(&text)
}

/// One page for all: the program, with each of its subcommands as a section.
fn manual(program: Command, out: &mut dyn Write) -> io::Result<()> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let subcommands: Vec<_> = program.get_subcommands().cloned().collect();
    let has_more = program.get_after_help().is_some();
    let page = Man::new(program);
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    for subcommand in subcommands {
        section(subcommand, out)?;
    }
    if has_more {
        page.render_extra_section(out)?;
    }
    page.render_version_section(out)
}

/// A subcommand's page, its sections made those of a section.
fn section(subcommand: Command, out: &mut dyn Write) -> io::Result<()> {
    let title = subcommand.get_bin_name().unwrap_or_default().to_uppercase();
    let page = Man::new(subcommand);
    let mut sections = Vec::new();
    page.render_synopsis_section(&mut sections)?;
    page.render_description_section(&mut sections)?;
    page.render_options_section(&mut sections)?;
    let sections = String::from_utf8_lossy(&sections).replace("\n.SH ", "\n.SS ");
    write!(out, ".SH \"{title}\"\n{sections}")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    /// Tries things
    #[derive(Parser)]
    #[command(name = "trial", version = "1", after_help = "That is all.")]
    struct Trial {
        #[command(subcommand)]
        command: Option<Subcommand>,
        /// How loud
        #[arg(long)]
        volume: Option<u32>,
    }

    #[derive(clap::Subcommand)]
    enum Subcommand {
        /// Goes away
        Leave {
            /// At once
            #[arg(long)]
            now: bool,
        },
    }

    fn generated(document: Document) -> String {
        let mut text = Vec::new();
        write(document, Trial::command(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn completions_know_options_and_subcommands() {
        for (document, begins) in [
            (Document::Bash, "_trial() {"),
            (Document::Zsh, "#compdef trial"),
            (Document::Fish, "# Print an optspec"),
        ] {
            let text = generated(document);
            assert!(text.trim_start().starts_with(begins), "{text}");
            assert!(text.contains("leave") && text.contains("volume") && text.contains("now"));
        }
    }

    #[test]
    fn the_manual_is_one_page() {
        let text = generated(Document::Man);
        assert_eq!(text.matches("\n.TH ").count(), 1, "{text}");
        let (program, leave) = text.split_once(".SH \"TRIAL LEAVE\"\n").unwrap();
        assert!(program.contains("Tries things") && program.contains("volume"), "{text}");
        let (leave, rest) = leave.split_once(".SH ").unwrap();
        assert!(leave.contains(".SS OPTIONS") && leave.contains("At once"), "{text}");
        assert!(rest.contains("That is all.") && rest.contains("VERSION"), "{text}");
    }
}
