//! Messages under way between one client and one node. One that is never delivered is lost, so nothing needs to lose it.

use crate::setup::{Order, Setup};

/// Never reached; the search stops with an error if it is.
pub(crate) const CAPACITY: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) attempt: u8,
    /// The extension that it belongs to.
    pub(crate) round: u8,
    pub(crate) ttl: u8,
    /// A fencing candidate, token or stored value; the run that is marked.
    pub(crate) value: u8,
    /// Of a grant or an acknowledgement: the guard let it count when it was given.
    pub(crate) counts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Acquire = 1,
    Lift,
    Extend,
    RePlant,
    Release,
    Mark,
    Confirm,
    // Replies. Those that nobody would act on (a refusal, what becomes of a release) are left out.
    Granted,
    Lifted,
    Mine,
    Empty,
    Marked,
}

/// Packed messages: in the order of sending where that matters, else sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mailbox([u16; CAPACITY]);

impl Kind {
    const ALL: [Self; 12] = [
        Self::Acquire,
        Self::Lift,
        Self::Extend,
        Self::RePlant,
        Self::Release,
        Self::Mark,
        Self::Confirm,
        Self::Granted,
        Self::Lifted,
        Self::Mine,
        Self::Empty,
        Self::Marked,
    ];

    pub(crate) fn is_mark(self) -> bool {
        matches!(self, Self::Mark | Self::Confirm)
    }

    pub(crate) fn is_reply(self) -> bool {
        matches!(self, Self::Granted | Self::Lifted | Self::Mine | Self::Empty | Self::Marked)
    }
}

impl Message {
    pub(crate) fn new(kind: Kind, attempt: u8) -> Self {
        Self { kind, attempt, round: 0, ttl: 0, value: 0, counts: true }
    }

    /// In 16 bits, which is what makes states small: 4 of kind, 1, 2, 2, 1, and 6 of value.
    fn pack(self) -> u16 {
        debug_assert!(self.attempt < 2 && self.round < 4 && self.ttl < 4 && self.value < 64);
        let head = (self.kind as u16) << 1 | u16::from(self.attempt);
        let times = u16::from(self.round) << 2 | u16::from(self.ttl);
        head << 11 | times << 7 | u16::from(self.counts) << 6 | u16::from(self.value)
    }

    fn unpack(packed: u16) -> Self {
        let [high, low] = packed.to_be_bytes();
        let times = (packed >> 7 & 15) as u8;
        Self {
            kind: Kind::ALL[usize::from(high >> 4) - 1],
            attempt: high >> 3 & 1,
            round: times >> 2,
            ttl: times & 3,
            value: low & 63,
            counts: low >> 6 & 1 == 1,
        }
    }
}

impl Mailbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.0[0] == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Message> {
        self.0.iter().take_while(|packed| **packed != 0).map(|packed| Message::unpack(*packed))
    }

    pub(crate) fn put(&mut self, setup: &Setup, message: Message) {
        let free = self.0.iter().position(|packed| *packed == 0);
        let free = free.unwrap_or_else(|| unreachable!("more than {CAPACITY} messages on one link"));
        self.0[free] = message.pack();
        if setup.order == Order::Any {
            self.0[..=free].sort_unstable();
        }
    }

    /// Takes the message for delivery. In order, those sent before it in the same direction are lost thereby.
    pub(crate) fn take(&mut self, setup: &Setup, index: usize) -> Message {
        let taken = Message::unpack(self.0[index]);
        let mut at = 0;
        self.retain(|message| {
            at += 1;
            let overtaken = setup.order == Order::Fifo && message.kind.is_reply() == taken.kind.is_reply();
            at > index + 1 || at < index + 1 && !overtaken
        });
        taken
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Message) -> bool) {
        let mut kept = 0;
        for index in 0..CAPACITY {
            let packed = std::mem::take(&mut self.0[index]);
            if packed != 0 && keep(Message::unpack(packed)) {
                self.0[kept] = packed;
                kept += 1;
            }
        }
    }
}
