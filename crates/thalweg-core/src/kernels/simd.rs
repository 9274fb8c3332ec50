//! Vector registers: the little that kernels need of them, for every instruction set and precision.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// An instruction set as a type, known where kernels are compiled.
pub trait Arch: Copy + Send + Sync + 'static {
    /// Vectors of single-precision numbers.
    type F32: Vector<f32>;
    /// Vectors of double-precision numbers.
    type F64: Vector<f64>;
    /// Vectors that a panel of packed weights is wide.
    const PANEL_VECTORS: usize;
    /// Whether a multiply-add is one instruction.
    const FMA: bool;

    /// `c + a₁·b₁ + a₀·b₀` in every lane, where a and b hold pairs of bf16 numbers (see `bf16`).
    ///
    /// # Safety
    /// Only where [`Isa::has_bf16`](super::Isa::has_bf16).
    #[inline(always)]
    unsafe fn dot_pairs(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        let _ = (a, b);
        c
    }
}

/// A floating-point type that networks are computed in.
pub trait Scalar:
    Copy
    + Default
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
{
    /// The vector of this type in an instruction set.
    type Vector<A: Arch>: Vector<Self>;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Where eˣ is computed: below it is taken as 0, above it is ∞.
    const EXP_DOMAIN: (Self, Self);

    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The same value of this type.
    fn from_byte(x: u8) -> Self;
    /// The same value in double precision.
    fn to_f64(self) -> f64;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Itself, or 0 if it is subnormal: a product with one of these takes some processors a hundred
    /// times as long.
    fn flush(self) -> Self;
    /// `self·b + c`, fused where the instruction set has it.
    fn mul_add<A: Arch>(self, b: Self, c: Self) -> Self;
    /// eˣ − 1 = 2ⁿ·(eʳ − 1) + (2ⁿ − 1); returned as (eʳ − 1, 2ⁿ⁻¹), with x clamped to where 2ⁿ⁻¹ is
    /// finite and normal.
    fn exp_parts<A: Arch>(self) -> (Self, Self);
    /// Natural logarithm of a positive normal number; NaN of NaN.
    fn ln<A: Arch>(self) -> Self;

    /// The larger of two numbers; the second if either is NaN.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
}

/// No vector has more lanes.
pub const MOST_LANES: usize = 16;

/// A vector register.
pub trait Vector<T>: Copy {
    /// Values in it.
    const LANES: usize;
    /// All lanes the same.
    fn splat(x: T) -> Self;
    /// Reads `LANES` values.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` values; any alignment.
    unsafe fn load(from: *const T) -> Self;
    /// Writes `LANES` values.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` values; any alignment.
    unsafe fn store(self, to: *mut T);
    /// `self·b + c` in every lane.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self + b` in every lane.
    fn add(self, b: Self) -> Self;
    /// The larger value in every lane; the second operand's where either is NaN.
    fn max(self, b: Self) -> Self;
    /// The larger value in every lane; NaN where either is.
    fn max_or_nan(self, b: Self) -> Self;
    /// `value` in the lanes where `self` and `b` are equal, 0 in the others.
    fn where_equal(self, b: Self, value: Self) -> Self;
    /// The lanes of both by turns, a₀ b₀ a₁ b₁ …, as two vectors.
    fn zip(self, b: Self) -> [Self; 2];
    /// The sum of all lanes.
    fn sum(self) -> T;
    /// The sums of as many vectors as one has lanes, each in a lane, and each as [`sum`](Self::sum)
    /// adds it up: what is in the vectors is lost.
    #[inline(always)]
    fn sums(vectors: &mut [Self]) -> Self {
        let mut half = Self::LANES / 2;
        while half > 0 {
            for i in 0..half {
                let [even, odd] = vectors[i].zip(vectors[i + half]);
                vectors[i] = even.add(odd);
            }
            half /= 2;
        }
        vectors[0]
    }
    /// The largest of all lanes.
    fn largest(self) -> T;
}

/// Combines the lanes by halves.
#[inline(always)]
fn fold<T: Copy, const N: usize>(mut lanes: [T; N], combine: impl Fn(T, T) -> T) -> T {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = combine(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// See [`Vector::zip`].
#[inline(always)]
fn zip<T: Copy, const N: usize>(a: [T; N], b: [T; N]) -> [[T; N]; 2] {
    let at = |i: usize| {
        if i.is_multiple_of(2) {
            a[i / 2]
        } else {
            b[i / 2]
        }
    };
    [std::array::from_fn(at), std::array::from_fn(|i| at(N + i))]
}

/// 128-bit vectors as plain arrays, which compilers turn into SSE2 or NEON.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

impl Arch for Portable {
    type F32 = Lanes<f32, 4>;
    type F64 = Lanes<f64, 2>;
    const PANEL_VECTORS: usize = 2;
    const FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
}

/// A vector as an array.
#[derive(Debug, Clone, Copy)]
pub struct Lanes<T, const N: usize>([T; N]);

impl<T: Scalar, const N: usize> Vector<T> for Lanes<T, N> {
    const LANES: usize = N;
    #[inline(always)]
    fn splat(x: T) -> Self {
        Self([x; N])
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller vouches for N values.
        Self(unsafe { from.cast::<[T; N]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller vouches for N values.
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].mul_add::<Portable>(b.0[i], c.0[i])
        }))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + b.0[i]))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].maximum(b.0[i])))
    }
    #[inline(always)]
    fn max_or_nan(self, b: Self) -> Self {
        let is_nan = |x: T| x.partial_cmp(&x).is_none();
        Self(std::array::from_fn(|i| {
            let (a, b) = (self.0[i], b.0[i]);
            if a > b || is_nan(a) { a } else { b }
        }))
    }
    #[inline(always)]
    fn where_equal(self, b: Self, value: Self) -> Self {
        Self(std::array::from_fn(|i| {
            if self.0[i] == b.0[i] {
                value.0[i]
            } else {
                T::ZERO
            }
        }))
    }
    #[inline(always)]
    fn zip(self, b: Self) -> [Self; 2] {
        zip(self.0, b.0).map(Self)
    }
    #[inline(always)]
    fn sum(self) -> T {
        fold(self.0, |a, b| a + b)
    }
    #[inline(always)]
    fn largest(self) -> T {
        fold(self.0, T::maximum)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Arch, Scalar, Vector, fold, zip};
    use std::arch::x86_64::*;

    /// x86-64-v4.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx512;
    /// x86-64-v3.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx2;

    impl Arch for Avx512 {
        type F32 = __m512;
        type F64 = __m512d;
        const PANEL_VECTORS: usize = 4;
        const FMA: bool = true;

        #[inline(always)]
        unsafe fn dot_pairs(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: the caller's promise.
            unsafe { vdpbf16ps(a, b, c) }
        }
    }

    /// Not the intrinsic: it would have kernels compiled once more, for machines with AVX512-BF16.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn vdpbf16ps(a: __m512, b: __m512, mut c: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instruction; it touches registers alone.
        unsafe {
            std::arch::asm!(
                "vdpbf16ps {c}, {a}, {b}",
                a = in(zmm_reg) a,
                b = in(zmm_reg) b,
                c = inout(zmm_reg) c,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        c
    }

    impl Arch for Avx2 {
        type F32 = __m256;
        type F64 = __m256d;
        const PANEL_VECTORS: usize = 2;
        const FMA: bool = true;
    }

    macro_rules! vector {
        ($vector:ty, $scalar:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $max:ident, $first_if_nan:expr, $where_equal:expr) => {
            // SAFETY (all blocks): these methods are inlined into kernels that `Isa::run` only calls
            // where the machine has the instruction set; pointers are the caller's promise.
            impl Vector<$scalar> for $vector {
                const LANES: usize = $lanes;
                #[inline(always)]
                fn splat(x: $scalar) -> Self {
                    // SAFETY: see above.
                    unsafe { $set1(x) }
                }
                #[inline(always)]
                unsafe fn load(from: *const $scalar) -> Self {
                    // SAFETY: see above.
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $scalar) {
                    // SAFETY: see above.
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                fn mul_add(self, b: Self, c: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $fma(self, b, c) }
                }
                #[inline(always)]
                fn add(self, b: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $add(self, b) }
                }
                #[inline(always)]
                fn max(self, b: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $max(self, b) }
                }
                #[inline(always)]
                fn max_or_nan(self, b: Self) -> Self {
                    // Where `b` is NaN, the instruction returns `b`.
                    // SAFETY: see above.
                    unsafe { $first_if_nan(self, $max(self, b)) }
                }
                #[inline(always)]
                fn where_equal(self, b: Self, value: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $where_equal(self, b, value) }
                }
                #[inline(always)]
                fn zip(self, b: Self) -> [Self; 2] {
                    // SAFETY: a vector is its lanes.
                    unsafe {
                        let lanes = |x: Self| std::mem::transmute::<Self, [$scalar; $lanes]>(x);
                        zip(lanes(self), lanes(b)).map(|lanes| std::mem::transmute(lanes))
                    }
                }
                #[inline(always)]
                fn sum(self) -> $scalar {
                    // SAFETY: a vector is its lanes.
                    let lanes: [$scalar; $lanes] = unsafe { std::mem::transmute(self) };
                    fold(lanes, |a, b| a + b)
                }
                #[inline(always)]
                fn largest(self) -> $scalar {
                    // SAFETY: a vector is its lanes.
                    let lanes: [$scalar; $lanes] = unsafe { std::mem::transmute(self) };
                    fold(lanes, Scalar::maximum)
                }
            }
        };
    }
    vector!(
        __m512,
        f32,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_max_ps,
        |a, b| _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a),
        |a, b, value| _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), value)
    );
    vector!(
        __m512d,
        f64,
        8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd,
        _mm512_max_pd,
        |a, b| _mm512_mask_mov_pd(b, _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(a, a), a),
        |a, b, value| _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b), value)
    );
    vector!(
        __m256,
        f32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_max_ps,
        |a, b| _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)),
        |a, b, value| _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b), value)
    );
    vector!(
        __m256d,
        f64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        _mm256_max_pd,
        |a, b| _mm256_blendv_pd(b, a, _mm256_cmp_pd::<_CMP_UNORD_Q>(a, a)),
        |a, b, value| _mm256_and_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(a, b), value)
    );
}
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};
