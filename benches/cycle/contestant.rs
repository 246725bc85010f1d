//! Who is compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redlock_core::{Event, Observer, Redlock, RedlockBuilder};
use redlock_redis_rs::RedisNode;

use crate::Fallible;
use crate::bare::Bare;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Bare,
    Redlock,
    Fenced,
}

impl Name {
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::Redlock, Self::Fenced];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Redlock => "redlock",
            Self::Fenced => "fenced",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

pub(crate) enum Contestant {
    Bare(Bare),
    Redlock(Redlock),
    Fenced(Redlock, SecondRounds),
}

/// How many locks took a second round to be fenced.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecondRounds(Arc<AtomicU64>);

impl Observer for SecondRounds {
    fn event(&self, event: &Event<'_>) {
        if let Event::Acquired { rounds: 2.., .. } = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Contestant {
    pub(crate) async fn connect(name: Name, urls: &[String]) -> Fallible<Self> {
        let contestant = match name {
            Name::Bare => Self::Bare(Bare::connect(urls).await?),
            Name::Redlock => Self::Redlock(builder(urls)?.build()?),
            Name::Fenced => {
                let second = SecondRounds::default();
                Self::Fenced(builder(urls)?.observer(second.clone()).build()?, second)
            }
        };
        contestant.cycle("warm-up").await?;
        Ok(contestant)
    }

    pub(crate) async fn cycle(&self, resource: &str) -> Fallible<()> {
        match self {
            Self::Bare(bare) => bare.cycle(resource).await,
            Self::Redlock(redlock) => {
                let guard = redlock.acquire(resource).await?;
                if guard.release().await.is_released() { Ok(()) } else { Err("not released".into()) }
            }
            Self::Fenced(redlock, _) => {
                let guard = redlock.acquire(resource).fenced().await?;
                if guard.release().await.is_released() { Ok(()) } else { Err("not released".into()) }
            }
        }
    }

    pub(crate) async fn finish(&self) {
        match self {
            Self::Bare(bare) => bare.finish().await,
            Self::Redlock(redlock) | Self::Fenced(redlock, _) => {
                drop(redlock.shutdown(Duration::from_secs(5)).await);
            }
        }
    }

    /// How many locks took a second round so far.
    pub(crate) fn second_rounds(&self) -> u64 {
        match self {
            Self::Bare(_) | Self::Redlock(_) => 0,
            Self::Fenced(_, second) => second.0.load(Ordering::Relaxed),
        }
    }
}

fn builder(urls: &[String]) -> Fallible<RedlockBuilder> {
    let nodes = urls.iter().map(RedisNode::from_url).collect::<Result<Vec<_>, _>>()?;
    Ok(Redlock::builder().nodes(nodes))
}
