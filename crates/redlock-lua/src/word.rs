//! One word of a request.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// One word of a request, which is bytes: it derefs to `[u8]`. Times and numbers are text, as the protocol has them.
///
/// ```
/// use redlock_lua::Word;
/// let words = [Word::from("PEXPIRE"), Word::from(b"lock:a".as_slice()), Word::from(30_000_u64)];
/// assert_eq!(words.join(&b' '), b"PEXPIRE lock:a 30000");
/// ```
#[derive(Clone)]
pub struct Word<'a>(Form<'a>);

/// A request is planned for every command on every node, so that what needs no allocation takes none.
#[derive(Clone)]
enum Form<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
    Number(Digits),
}

/// The digits of a number, at the end of as many places as `u64::MAX` has digits.
#[derive(Clone)]
struct Digits {
    places: [u8; 20],
    unused: usize,
}

impl Word<'_> {
    /// The same word, borrowed from this one.
    pub(crate) fn borrowed(&self) -> Word<'_> {
        Word(Form::Borrowed(self))
    }
}

impl Deref for Word<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Borrowed(bytes) => bytes,
            Form::Owned(bytes) => bytes,
            Form::Number(Digits { places, unused }) => places.get(*unused..).unwrap_or_default(),
        }
    }
}

impl Borrow<[u8]> for Word<'_> {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Word<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Word<'_> {}

impl Hash for Word<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self), f)
    }
}

impl<'a> From<&'a [u8]> for Word<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Form::Borrowed(bytes))
    }
}

impl<'a> From<&'a str> for Word<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Word<'_> {
    fn from(text: String) -> Self {
        Self(Form::Owned(text.into_bytes()))
    }
}

impl From<u64> for Word<'_> {
    fn from(number: u64) -> Self {
        let (mut places, mut unused, mut rest) = ([b'0'; 20], 20, number);
        for place in places.iter_mut().rev() {
            *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            unused -= 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self(Form::Number(Digits { places, unused }))
    }
}

impl From<usize> for Word<'_> {
    fn from(number: usize) -> Self {
        u64::try_from(number).unwrap_or(u64::MAX).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_digits() {
        for number in [0, 7, 10, 30_000, u64::MAX] {
            assert_eq!(&*Word::from(number), number.to_string().as_bytes());
        }
    }

    #[test]
    fn words_are_equal_whatever_holds_them() {
        assert_eq!(Word::from("12"), Word::from(12_u64));
        assert_eq!(Word::from("12".to_owned()), Word::from(12_u64).borrowed());
        assert_ne!(Word::from("a"), Word::from("b"));
    }
}
