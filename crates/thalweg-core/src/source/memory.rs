//! Rows in memory, owned or borrowed.

use super::{Request, RowSource, Schema, TargetKind};
use crate::dataset::{Dataset, DatasetRef, TargetsRef};
use crate::engine::Batch;
use crate::error::Result;

impl RowSource for DatasetRef<'_> {
    fn schema(&self) -> Schema {
        Schema {
            rows: self.features.rows(),
            width: self.features.width,
            targets: match self.targets {
                TargetsRef::Classes(_) => TargetKind::Classes,
                TargetsRef::Values { width, .. } => TargetKind::Values(width),
            },
            is_weighted: self.weights.is_some(),
        }
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        Ok(Batch {
            upcoming: request.upcoming,
            ..Batch::new(*self, request.rows)
        })
    }
}

impl RowSource for &Dataset {
    fn schema(&self) -> Schema {
        self.view().schema()
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        Ok(Batch {
            upcoming: request.upcoming,
            ..Batch::new(&**self, request.rows)
        })
    }
}

impl RowSource for Dataset {
    fn schema(&self) -> Schema {
        self.view().schema()
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        Ok(Batch {
            upcoming: request.upcoming,
            ..Batch::new(&*self, request.rows)
        })
    }
}
