//! Arguments: what the user has typed, and set in the environment.

use clap::builder::Resettable;
use clap::{Arg, Command, CommandFactory, FromArgMatches};

/// The arguments of this process. Where they cannot be meant, ends the process and says why.
pub fn arguments<A: CommandFactory + FromArgMatches>() -> A {
    let matches = without_empty_variables(A::command()).get_matches();
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// A variable that is empty is as good as unset: that is how shells and services take one back.
fn without_empty_variables(command: Command) -> Command {
    command.mut_args(without_empty_variable).mut_subcommands(without_empty_variables)
}

fn without_empty_variable(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(std::env::var_os);
    if value.is_some_and(|value| value.is_empty()) { arg.env(Resettable::Reset) } else { arg }
}
