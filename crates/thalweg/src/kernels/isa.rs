//! Choosing the instruction set at run time.
//!
//! A kernel is a struct with one generic method. [`Isa::run`] compiles that method once for every
//! instruction set and calls the version for this machine, so the choice and its `unsafe` stand here
//! and nowhere else. `THALWEG_CPU=avx512|avx2|portable` forces a path that the machine has.

use std::sync::OnceLock;

use super::simd::{Arch, Portable, Scalar, Vector};
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit vectors and 32 registers (x86-64-v4).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit vectors, 16 registers and FMA (x86-64-v3).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 128-bit vectors as the compiler knows them on any machine (SSE2, NEON).
    Portable,
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
    /// All paths, best first.
    pub const ALL: &'static [Isa] = &[
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2,
        Isa::Portable,
    ];

    /// The name that `THALWEG_CPU` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            Isa::Portable => "portable",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Isa::Portable => true,
        }
    }

    /// The best path of this machine, or the one that `THALWEG_CPU` asks for if the machine has it.
    pub fn detect() -> Isa {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let wish = std::env::var("THALWEG_CPU").unwrap_or_default();
            let available = || Self::ALL.iter().copied().filter(|isa| isa.is_available());
            available()
                .find(|isa| isa.name() == wish)
                .or_else(|| available().next())
                .unwrap_or(Isa::Portable)
        })
    }

    /// Values in a vector register.
    #[inline]
    pub fn lanes<T: Scalar>(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => T::Vector::<Avx512>::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => T::Vector::<Avx2>::LANES,
            Isa::Portable => T::Vector::<Portable>::LANES,
        }
    }

    /// Columns in a panel of packed weights (see `gemm`).
    #[inline]
    pub fn panel<T: Scalar>(self) -> usize {
        let vectors = match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::PANEL_VECTORS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::PANEL_VECTORS,
            Isa::Portable => Portable::PANEL_VECTORS,
        };
        vectors * self.lanes::<T>()
    }

    /// Runs the kernel compiled for this instruction set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn avx512<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx512>()
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx2>()
        }
        match self {
            // SAFETY: values other than `Portable` come from `detect` or from a caller that asked
            // `is_available`.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2(kernel) },
            Isa::Portable => kernel.run::<Portable>(),
        }
    }
}
