//! `nin-train completions` and `nin-train man`: shell completions and man pages, from the same source as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use nin_train::support::files::{self, FileError};

use super::{Cli, Console, Outcome};

/// Flags of `completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train completions bash > ~/.local/share/bash-completion/completions/nin-train
  nin-train completions zsh > ~/.zfunc/_nin-train             with ~/.zfunc in zsh's fpath
  nin-train completions fish > ~/.config/fish/completions/nin-train.fish
  nin-train completions powershell >> $PROFILE")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Flags of `man`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train man | man -l -                       read the page
  nin-train man --out ~/.local/share/man/man1    install it, with a page for each command")]
pub struct ManArgs {
    /// Write the pages of the program and of each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints a shell's completion script.
pub fn completions(args: &CompletionsArgs, console: &Console) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "nin-train", &mut script);
    console.bytes(&script);
    Ok(())
}

/// Prints the man page, or writes all pages.
pub fn man(args: &ManArgs, console: &Console) -> Outcome {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        console.bytes(&page);
        return Ok(());
    };
    files::create_folder(folder).map_err(FileError::at(folder))?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder).map_err(FileError::at(folder))?;
    console.result(format_args!("{}: the man pages of nin-train and its commands", folder.display()));
    Ok(())
}
