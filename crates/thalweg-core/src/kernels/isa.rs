//! Choosing the instruction set at run time.
//!
//! A kernel is a struct with one generic method. [`Isa::run`] compiles that method once for every
//! instruction set and calls the version for this machine, so the choice and its `unsafe` are here
//! and nowhere else. `THALWEG_CPU=avx512|avx2|portable` forces a path that the machine has.

use std::sync::OnceLock;

use super::simd::{Arch, Portable, Scalar, Vector};
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};

/// An instruction set that kernels are compiled for and that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Path);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// 512-bit vectors and 32 registers (x86-64-v4).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit vectors, 16 registers and FMA (x86-64-v3).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 128-bit vectors as the compiler knows them on any machine (SSE2, NEON).
    Portable,
}

impl Path {
    /// All paths, best first.
    const ALL: &'static [Path] = &[
        #[cfg(target_arch = "x86_64")]
        Path::Avx512,
        #[cfg(target_arch = "x86_64")]
        Path::Avx2,
        Path::Portable,
    ];

    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && has_bit_instructions()
            }
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && has_bit_instructions()
            }
            Path::Portable => true,
        }
    }
}

/// Counts of bits and shifts by any number, which every machine with AVX2 has.
#[cfg(target_arch = "x86_64")]
fn has_bit_instructions() -> bool {
    is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

/// Work that is compiled once for every instruction set.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// Does the work. Implementations are `#[inline(always)]`, so that they are compiled with the
    /// instruction set of their caller.
    fn run<A: Arch>(self) -> Self::Output;
}

impl Isa {
    /// The one that every machine has.
    pub const PORTABLE: Isa = Isa(Path::Portable);

    /// Those that this machine has, best first.
    pub fn available() -> impl Iterator<Item = Isa> {
        Path::ALL
            .iter()
            .filter(|path| path.is_available())
            .map(|path| Isa(*path))
    }

    /// The name that `THALWEG_CPU` knows it by.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            Path::Portable => "portable",
        }
    }

    /// The best path of this machine, or the one that `THALWEG_CPU` asks for if the machine has it.
    pub fn detect() -> Isa {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let wish = std::env::var("THALWEG_CPU").unwrap_or_default();
            (Self::available().find(|isa| isa.name() == wish))
                .or_else(|| Self::available().next())
                .unwrap_or(Self::PORTABLE)
        })
    }

    /// Whether products of bf16 numbers are an instruction here.
    pub fn has_bf16(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => is_x86_feature_detected!("avx512bf16"),
            _ => false,
        }
    }

    /// Values in a vector register.
    #[inline]
    pub(crate) fn lanes<T: Scalar>(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => T::Vector::<Avx512>::LANES,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => T::Vector::<Avx2>::LANES,
            Path::Portable => T::Vector::<Portable>::LANES,
        }
    }

    /// Columns in a panel of packed weights (see `gemm`).
    #[inline]
    pub(crate) fn panel<T: Scalar>(self) -> usize {
        let vectors = match self.0 {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => Avx512::PANEL_VECTORS,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => Avx2::PANEL_VECTORS,
            Path::Portable => Portable::PANEL_VECTORS,
        };
        vectors * self.lanes::<T>()
    }

    /// Runs the kernel compiled for this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt,bmi1,bmi2")]
        fn avx512<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx512>()
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,popcnt,bmi1,bmi2")]
        fn avx2<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx2>()
        }
        match self.0 {
            // SAFETY: outside this module an `Isa` comes from `available` or `detect` alone.
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => unsafe { avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => unsafe { avx2(kernel) },
            Path::Portable => kernel.run::<Portable>(),
        }
    }
}
