//! Who is compared.

use std::time::Duration;

use redlock_core::Redlock;
use redlock_redis_rs::RedisNode;

use crate::Fallible;
use crate::bare::Bare;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Bare,
    Redlock,
}

impl Name {
    pub(crate) const ALL: [Self; 2] = [Self::Bare, Self::Redlock];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Redlock => "redlock",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

pub(crate) enum Contestant {
    Bare(Bare),
    Redlock(Redlock),
}

impl Contestant {
    pub(crate) async fn connect(name: Name, urls: &[String]) -> Fallible<Self> {
        let contestant = match name {
            Name::Bare => Self::Bare(Bare::connect(urls).await?),
            Name::Redlock => {
                let nodes = urls.iter().map(RedisNode::from_url).collect::<Result<Vec<_>, _>>()?;
                Self::Redlock(Redlock::builder().nodes(nodes).build()?)
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
        }
    }

    pub(crate) async fn finish(&self) {
        match self {
            Self::Bare(bare) => bare.finish().await,
            Self::Redlock(redlock) => drop(redlock.shutdown(Duration::from_secs(5)).await),
        }
    }
}
