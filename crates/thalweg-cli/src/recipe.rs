//! The arguments that say what is trained, of every command that trains.

use std::path::PathBuf;

use clap::Args;
use thalweg::Request;
use thalweg::job::Base;
use thalweg_core::registry::Setting;

use crate::exit::Result;
use crate::flags::RunFlags;
use crate::parse::threads;

/// The short help of DATA.
pub const DATA: &str = "A file, a folder, - or a built-in set such as builtin:digits";

#[derive(Args)]
pub struct Recipe {
    #[arg(value_name = "DATA", help = DATA, long_help = thalweg_data::Source::help())]
    pub data: Option<String>,

    #[command(flatten)]
    pub flags: RunFlags,

    /// A setting of optimizer, schedule, loss, activation or initializer, such as
    /// optimizer.beta1=0.8 or schedule.then.floor=0.1; may be repeated
    #[arg(
        long,
        value_name = "NAME=VALUE",
        help_heading = "Training",
        hide_short_help = true
    )]
    pub set: Vec<String>,
    /// Threads; results do not depend on it [default: all]
    #[arg(long, value_name = "N", help_heading = "Training", hide_short_help = true, allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,

    /// Take everything that is not set here from a run's config.toml
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Run",
        hide_short_help = true,
        conflicts_with_all = ["preset", "continue"]
    )]
    pub config: Option<PathBuf>,
}

impl Recipe {
    /// What the arguments ask for.
    pub fn request(&self) -> Result<Request> {
        let mut request = Request::default();
        if let Some(data) = &self.data {
            request.source(data);
        }
        self.flags.give(&mut request);
        for setting in &self.set {
            let parts = setting.split_once('=');
            let (name, value) = parts
                .filter(|(name, _)| name.contains('.'))
                .ok_or_else(|| {
                    let expected = "NAME=VALUE such as optimizer.beta1=0.9";
                    thalweg_core::Error::invalid("--set", format!("`{setting}`"), expected)
                })?;
            request.setting(name, Setting::parse(value))?;
        }
        Ok(request)
    }

    /// What that changes.
    pub fn base(&self) -> Base {
        (self.config.clone()).map_or(Base::Preset, Base::File)
    }
}
