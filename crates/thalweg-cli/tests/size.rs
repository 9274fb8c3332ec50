//! Rows that do not fit into memory: the same bits as in memory, whatever the threads; killed at any moment, nothing is
//! lost and nothing half-written is trusted.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Ended, Workplace, events, noise};
