//! What a certificate says, as far as an error message needs it.

use rustls::pki_types::{CertificateDer, TrustAnchor};

/// Parts of a certificate, still in DER; the tags and lengths are left out.
pub(crate) struct Certificate<'a> {
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: &'a [u8],
    pub(crate) not_after: &'a [u8],
    pub(crate) key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// `None` for what is not a certificate.
    pub(crate) fn read(certificate: &'a CertificateDer<'_>) -> Option<Self> {
        let (_, whole, _) = next(certificate)?;
        let (_, mut rest, _) = next(whole)?;
        let (tag, _, after_version) = next(rest)?;
        if tag == VERSION {
            rest = after_version;
        }
        let (_, _serial, rest) = next(rest)?;
        let (_, _algorithm, rest) = next(rest)?;
        let (_, issuer, rest) = next(rest)?;
        let (_, validity, rest) = next(rest)?;
        let (_, _subject, rest) = next(rest)?;
        let (_, key, _) = next(rest)?;
        let (_, not_before, validity) = next(validity)?;
        let (_, not_after, _) = next(validity)?;
        Some(Self { issuer, not_before, not_after, key })
    }

    /// How many bits its key has, if it is one of RSA.
    pub(crate) fn rsa_bits(&self) -> Option<usize> {
        rsa_bits(self.key)
    }
}

/// The same of a CA that is trusted.
pub(crate) fn rsa_bits_of(anchor: &TrustAnchor<'_>) -> Option<usize> {
    rsa_bits(&anchor.subject_public_key_info)
}

fn rsa_bits(key: &[u8]) -> Option<usize> {
    let (_, algorithm, rest) = next(key)?;
    let (_, name, _) = next(algorithm)?;
    if name != RSA_ENCRYPTION {
        return None;
    }
    let (_, bits, _) = next(rest)?;
    // The first byte says how many bits of the last one are unused.
    let (_, numbers, _) = next(bits.get(1..)?)?;
    let (_, modulus, _) = next(numbers)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
}

/// The tag and the contents of the first element, and what follows it.
fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, mut rest) = rest.split_first()?;
    let mut length = usize::from(*length);
    if length >= 0x80 {
        let (digits, after) = rest.split_at_checked(length - 0x80)?;
        if digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

const VERSION: u8 = 0xa0;

/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
