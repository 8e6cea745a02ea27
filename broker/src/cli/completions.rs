//! `ottla completions`: what makes a shell complete this command's words.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Error, Process, output::unless_closed};

const EXAMPLES: &str = "\
Examples:
  bash        ottla completions bash > ~/.local/share/bash-completion/completions/ottla
  zsh         ottla completions zsh > \"${fpath[1]}/_ottla\"
  fish        ottla completions fish > ~/.config/fish/completions/ottla.fish
  elvish      ottla completions elvish >> ~/.config/elvish/rc.elv
  powershell  ottla completions powershell >> $PROFILE";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut process: Process) -> Result<(), Error> {
        // Whole before it's written: the generator panics where a write fails.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "ottla", &mut script);
        let written = process.output.write_all(&script).and_then(|()| process.output.flush());
        unless_closed(written.map_err(Error::from))
    }
}
