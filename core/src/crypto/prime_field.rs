//! Arithmetic modulo any odd prime, plain rather than fast: for checks that run once a key, and for the few products of
//! scalars that a verification by table needs. Public values only, in variable time.

/// A prime field in Montgomery form; elements are `N` limbs from the least.
pub(crate) struct Field<const N: usize> {
    pub(crate) prime: [u64; N],
    /// The negated inverse of the prime's lowest limb, modulo 2^64.
    inverse: u64,
    /// 2^(64 N) modulo the prime: one, in Montgomery form.
    pub(crate) one: [u64; N],
    /// 2^(128 N) modulo the prime, the factor that enters Montgomery form.
    pub(crate) entry: [u64; N],
}

impl<const N: usize> Field<N> {
    pub(crate) const fn new(prime: [u64; N]) -> Self {
        let inverse = inverse_of_odd(prime[0]).wrapping_neg();
        let mut field = Self { prime, inverse, one: [0; N], entry: [0; N] };
        let mut power = [0; N];
        power[0] = 1;
        let mut doublings = 0;
        while doublings < 128 * N {
            if doublings == 64 * N {
                field.one = power;
            }
            power = field.add(&power, &power);
            doublings += 1;
        }
        field.entry = power;
        field
    }

    pub(crate) fn enter(&self, a: &[u64; N]) -> [u64; N] {
        self.mul(a, &self.entry)
    }

    pub(crate) fn square(&self, a: &[u64; N]) -> [u64; N] {
        self.mul(a, a)
    }

    pub(crate) const fn add(&self, a: &[u64; N], b: &[u64; N]) -> [u64; N] {
        let mut sum = [0; N];
        let mut carry = false;
        let mut i = 0;
        while i < N {
            let (partial, first) = a[i].overflowing_add(b[i]);
            let (limb, second) = partial.overflowing_add(carry as u64);
            sum[i] = limb;
            carry = first | second;
            i += 1;
        }
        self.reduce_once(sum, carry)
    }

    pub(crate) fn sub(&self, a: &[u64; N], b: &[u64; N]) -> [u64; N] {
        let (negated, _) = subtract(&self.prime, b);
        self.add(a, &negated)
    }

    /// The Montgomery product `a·b / 2^(64 N)`, for `b` below the prime and any `a`, limb by limb (coarsely integrated operand scanning).
    pub(crate) fn mul(&self, a: &[u64; N], b: &[u64; N]) -> [u64; N] {
        let mut product = [0_u64; N];
        let mut top = 0_u64;
        for &factor in a {
            let (low, carry) = multiply_add(product[0], factor, b[0], 0);
            let quotient = low.wrapping_mul(self.inverse);
            let (_, reduction) = multiply_add(low, quotient, self.prime[0], 0);
            let (mut carry, mut reduction) = (carry, reduction);
            for i in 1..N {
                let (limb, next) = multiply_add(product[i], factor, b[i], carry);
                carry = next;
                let (limb, next) = multiply_add(limb, quotient, self.prime[i], reduction);
                reduction = next;
                product[i - 1] = limb;
            }
            let (partial, first) = top.overflowing_add(carry);
            let (limb, second) = partial.overflowing_add(reduction);
            product[N - 1] = limb;
            top = u64::from(first) + u64::from(second);
        }
        self.reduce_once(product, top != 0)
    }

    const fn reduce_once(&self, value: [u64; N], overflowed: bool) -> [u64; N] {
        let (reduced, borrow) = subtract(&value, &self.prime);
        if overflowed || !borrow { reduced } else { value }
    }
}

/// The inverse of an odd number modulo 2^64.
pub(crate) const fn inverse_of_odd(number: u64) -> u64 {
    let mut inverse = 1_u64;
    let mut round = 0;
    while round < 6 {
        // Newton: each round doubles the number of right bits.
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(number.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// `a + b·c + d`, which always fits two limbs: low, then high.
#[inline(always)]
pub(crate) fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let wide = u128::from(a) + u128::from(b) * u128::from(c) + u128::from(d);
    (wide as u64, (wide >> 64) as u64)
}

/// `a - b` modulo 2^(64 N), and whether it borrowed.
const fn subtract<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    let mut difference = [0; N];
    let mut borrow = false;
    let mut i = 0;
    while i < N {
        let (partial, first) = a[i].overflowing_sub(b[i]);
        let (limb, second) = partial.overflowing_sub(borrow as u64);
        difference[i] = limb;
        borrow = first | second;
        i += 1;
    }
    (difference, borrow)
}

pub(crate) fn is_below<const N: usize>(a: &[u64; N], b: &[u64; N]) -> bool {
    subtract(a, b).1
}
