//! Durable changes a second by two instances on one PostgreSQL: through the services alone, and through GraphQL over HTTP.

use std::time::Duration;

use super::{
    mutations::{Mutations, describe, of_servers, settlements, through},
    stage::{Contestant, Stage},
};
use crate::bench::{
    error::BenchError,
    report::Run,
    server::{
        cluster::{Cluster, Instances},
        in_process::InProcess,
        pin::unpinned,
        usage,
    },
};

impl Mutations {
    /// Sixteen writers, eight campaigns each, ten seconds.
    pub const CLUSTER: Self = Self { writers: 16, campaigns: 128, duration: Duration::from_secs(10) };
}

/// Changes settlements by the services of two instances in this process, each with its own connections to PostgreSQL and Redis,
/// and then over GraphQL by two instances that are processes. All processors are for everybody.
///
/// # Errors
/// When the cluster does not start or refuses the world that is to be changed.
pub fn measure(stage: &Stage, who: &Contestant, name: &str, shape: Mutations) -> Result<Run, BenchError> {
    if let Contestant::Elsewhere { .. } = who {
        let what = "cluster-mutations calls the services of its own PostgreSQL: leave --url out";
        return Err(BenchError::Usage(what.into()));
    }
    let folder = stage.folder()?;
    unpinned(stage.cores.is_some(), || {
        let cluster = Cluster::of_fanfare(folder.path(), None, &[])?;
        let instances = cluster.instances()?;
        let mut run = Run::new(name, "fanfare");
        of_services(&mut run, &instances, shape)?;
        let (written, seconds) = of_servers(&instances.servers, shape)?;
        let mut over_graphql = Run::new(name, "fanfare");
        describe(&mut over_graphql, shape, written, seconds);
        run.measured("over GraphQL: mutations/s", "", over_graphql.value("mutations/s"))
            .measured("over GraphQL: answer p50", "ms", over_graphql.value("answer p50"))
            .measured("over GraphQL: answer p99", "ms", over_graphql.value("answer p99"))
            .measured("over GraphQL: writers that failed", "", over_graphql.value("writers that failed"));
        run.remarks.append(&mut over_graphql.remarks);
        run.remark(
            "Services of two instances called in this process, on all processors; over GraphQL the instances are \
             processes. PostgreSQL as initdb sets it up: fsync and synchronous_commit are on",
        );
        Ok(run)
    })?
}

fn of_services(run: &mut Run, cluster: &Instances<'_>, shape: Mutations) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Runtime::new().map_err(BenchError::machine("start a runtime"))?;
    let used = || [usage::of(std::process::id()), cluster.redis.usage(), cluster.postgres.usage()];
    let (url, redis) = (cluster.postgres.url(), cluster.redis.url());
    let (before, after, written, seconds) = runtime.block_on(async {
        let instances =
            [InProcess::open_in_cluster(url, redis).await?, InProcess::open_in_cluster(url, redis).await?];
        let settlements = settlements(&instances, shape.campaigns).await?;
        let before = used();
        let (written, seconds) = through(&instances, settlements, shape).await;
        // Before the connections go: what served them is hard to see while it ends.
        Ok::<_, BenchError>((before, used(), written, seconds))
    })?;
    describe(run, shape, written, seconds);
    for ((name, before), after) in
        ["services' CPU", "Redis CPU", "PostgreSQL CPU"].into_iter().zip(before).zip(after)
    {
        let used = before.zip(after).map(|(before, after)| after.since(before).cpu.as_secs_f64());
        run.measured(name, "%", used.map(|cpu| cpu * 100.0 / seconds));
    }
    Ok(())
}
