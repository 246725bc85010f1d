use std::time::Duration;

use redlock_core::BackendError;

/// What befalls one command on its way.
///
/// ```
/// use std::time::Duration;
/// use redlock_testkit::Plan;
/// let late_and_unheard = Plan::new().delay(Duration::from_millis(30)).lose_reply();
/// # let _ = late_and_unheard;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a plan does nothing until a link is given it"]
pub struct Plan {
    pub(crate) delay: Duration,
    pub(crate) reply_delay: Duration,
    pub(crate) fate: Fate,
    pub(crate) reconnect: bool,
}

/// How the command ends.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fate {
    #[default]
    Answered,
    CommandLost,
    ReplyLost,
    Error(BackendError),
}

impl Plan {
    /// Delivered and answered at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// The command reaches the node so much later. A command never overtakes an earlier one of its connection: it is
    /// delivered no sooner than that.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The reply takes so long, or as long as an earlier one of the same connection.
    pub fn reply_delay(mut self, delay: Duration) -> Self {
        self.reply_delay = delay;
        self
    }

    /// The node never sees the command; the caller runs into the deadline.
    pub fn lose_command(mut self) -> Self {
        self.fate = Fate::CommandLost;
        self
    }

    /// The node executes the command, and nobody hears of it; the caller runs into the deadline.
    pub fn lose_reply(mut self) -> Self {
        self.fate = Fate::ReplyLost;
        self
    }

    /// The node answers with this error and executes nothing.
    pub fn error(mut self, error: BackendError) -> Self {
        self.fate = Fate::Error(error);
        self
    }

    /// The connection is replaced before the command is sent, as by [`FaultyLink::reconnect`](crate::FaultyLink).
    pub fn reconnect(mut self) -> Self {
        self.reconnect = true;
        self
    }
}
