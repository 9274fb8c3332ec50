//! `thalweg export`: a model's weights for another program.

use std::io::{self, Write};

use thalweg::Model;
use thalweg::weights::to_torch;
use thalweg_data::Source;

use crate::args::ExportArgs;
use crate::exit::Result;
use crate::output;
use crate::parse::Layout;

/// The command.
pub fn run(args: &ExportArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let source = Source::Path(model.path().to_owned());
    output::check("FILE", &args.file, Some(model.path()), &source)?;
    let Layout::Torch = args.layout.unwrap_or(Layout::Torch);
    let torch = to_torch(&model)?;
    output::write(&args.file, &torch.bytes)?;
    let file = args.file.display().to_string();
    let mut output = io::stdout().lock();
    writeln!(output, "net = {}", torch.module)?;
    writeln!(
        output,
        "net.load_state_dict(safetensors.torch.load_file({file:?}))"
    )?;
    Ok(output.flush()?)
}
