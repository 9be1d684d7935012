//! Hand-checked cases: a company of three merge requests, three pipelines and four deployments, with every number worked out by
//! hand in the comments.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, Utc};

use super::{KpiQuestion, MetricTruth};
use crate::company::model::{Approval, MergeRequest, Note, NoteEvent};
use crate::company::{Company, CompanyOptions, CompanySize};

fn time(text: &str) -> DateTime<Utc> {
    format!("2026-03-{text}:00Z").parse().unwrap()
}

fn note(author: u64, at: &str, event: Option<NoteEvent>) -> Note {
    Note { id: 0, author, body: String::new(), system: event.is_some(), event, note_type: None, created_at: time(at), updated_at: time(at) }
}

fn blank(template: &MergeRequest, id: u64, author: u64, created: &str) -> MergeRequest {
    MergeRequest {
        id,
        author,
        project: 0,
        state: "opened".to_owned(),
        draft: false,
        created_at: time(created),
        updated_at: time(created),
        merged_at: None,
        closed_at: None,
        notes: Vec::new(),
        approvals: Vec::new(),
        commits: Vec::new(),
        ..template.clone()
    }
}

/// Wednesday, 18 March 2026, 10:00.
fn company() -> Company {
    let as_of = time("18T10:00");
    let size = CompanySize { people: 12, projects: 1, merge_requests: 1, pipelines: 20, deployments: 4 };
    let mut company = Company::generate(&CompanyOptions { seed: 1, as_of, size });
    let template = company.merge_requests[0].clone();
    let (author, reviewer) = (company.users[0].id, company.users[1].id);
    let bot = company.users.iter().find(|user| user.bot).map(|user| user.id).unwrap();
    // 1: draft until the 16th 12:00; a review while it was a draft; then a bot, the author, and at 15:00 the reviewer. Merged at 18:00.
    let mut one = blank(&template, 1, author, "16T08:00");
    one.notes = vec![
        note(reviewer, "16T09:00", None),
        note(author, "16T12:00", Some(NoteEvent::MarkedReady)),
        note(bot, "16T12:30", None),
        note(author, "16T13:00", None),
        note(reviewer, "16T15:00", None),
    ];
    one.state = "merged".to_owned();
    one.merged_at = Some(time("16T18:00"));
    // 2: approved before it was created (excluded), then by a note-only approval at 10:00 the next day. Merged after 30 hours.
    let mut two = blank(&template, 2, author, "16T08:00");
    two.approvals = vec![Approval { user: company.users[5].id, approved_at: Some(time("10T08:00")) }];
    two.notes = vec![note(reviewer, "17T10:00", Some(NoteEvent::Approved))];
    two.state = "merged".to_owned();
    two.merged_at = Some(time("17T14:00"));
    // 3: open, untouched since the 4th, nobody has looked at it.
    let three = blank(&template, 3, author, "04T08:00");
    // 4: a bot's, merged: counted nowhere.
    let mut four = blank(&template, 4, bot, "16T08:00");
    four.merged_at = Some(time("16T09:00"));
    four.state = "merged".to_owned();
    company.merge_requests = vec![one, two, three, four];
    pipelines_and_deployments(&mut company);
    company
}

fn pipelines_and_deployments(company: &mut Company) {
    company.pipelines.truncate(4);
    for (pipeline, (status, finished)) in company.pipelines.iter_mut().zip([
        ("success", "16T09:00"),
        ("success", "17T09:00"),
        ("failed", "17T10:00"),
        ("canceled", "17T11:00"),
    ]) {
        pipeline.status = status;
        pipeline.created_at = time("16T08:00");
        pipeline.finished_at = Some(time(finished));
    }
    let environment = |name: &str| company.environments.iter().position(|one| one.name == name).unwrap();
    // Two to production on one day (one by tier, one by name), one to staging, one to production that failed.
    let targets = [
        ("rollout", "success", "17T09:00"),
        ("prod-eu", "success", "17T12:00"),
        ("preproduction", "success", "17T13:00"),
        ("production", "failed", "18T09:00"),
    ];
    let targets = targets.map(|(name, status, at)| (environment(name), status, time(at)));
    for (deployment, (environment, status, at)) in company.deployments.iter_mut().zip(targets) {
        deployment.environment = environment;
        deployment.status = status;
        deployment.job = None;
        deployment.created_at = at;
        deployment.updated_at = at;
    }
}

/// As of Wednesday, 18 March, 10:00: of the week that begins on a day.
fn week(metric: &str, start: &str) -> MetricTruth {
    let all = company().kpi_truth(&KpiQuestion::at(time("18T10:00")));
    let own = |one: &&MetricTruth| one.metric == metric && one.scope_id.is_empty() && one.window == "week" && one.start == time(start);
    all.iter().find(own).unwrap().clone()
}

#[test]
fn every_metric_of_the_week_by_hand() {
    let week = |metric: &str| week(metric, "16T00:00");
    let number = |of: &MetricTruth, name: &str| of.stats[name].as_f64().unwrap();
    assert_eq!(week("merge_throughput").value, Some(2.0));
    assert_eq!(week("merge_throughput").coverage["excluded_bots"], 1);
    // 10 h and 30 h: median 20, p75 = 10 + 0.75 · 20, p90 = 10 + 0.9 · 20.
    let merge = week("time_to_merge");
    assert_eq!((merge.value, number(&merge, "p75"), number(&merge, "p90")), (Some(20.0), 25.0, 28.0));
    assert_eq!(merge.rows, [("1".to_owned(), 10.0), ("2".to_owned(), 30.0)].into());
    // 15:00 − 12:00 = 3 h, and 26 h after creation: median 14.5. From then to the merges, 3 h and 4 h.
    assert_eq!(week("time_to_first_review").value, Some(14.5));
    assert_eq!(week("review_duration").value, Some(3.5));
    let rate = week("pipeline_success_rate");
    assert_eq!((rate.value, number(&rate, "numerator"), number(&rate, "denominator")), (Some(2.0 / 3.0), 2.0, 3.0));
    // Only the third: open, not a draft, last touched two weeks ago.
    let stale = week("stale_merge_requests");
    assert_eq!((stale.value, stale.rows), (Some(1.0), [("3".to_owned(), 1.0)].into()));
    // Two deployments in the three days up to the midnight after as_of, on one day.
    let frequency = week("deployment_frequency");
    let counted = (frequency.value, number(&frequency, "days"), number(&frequency, "days_with_deployment"));
    assert_eq!(counted, (Some(2.0 / 3.0), 3.0, 1.0));
    assert_eq!(frequency.coverage["partial"], true);
    // No commits: no lead time. The first was not deployed before the second deployment of the 17th, the second waits.
    let lead = week("lead_time_for_changes");
    assert_eq!((lead.value, &lead.coverage["excluded_without_commits"]), (None, &1.into()));
    assert_eq!(lead.coverage["excluded_not_deployed"], 1);
}

#[test]
fn no_data_is_not_zero() {
    // The week of the 9th: a merge request existed, none was merged; nothing was deployed or ran yet.
    assert_eq!(week("merge_throughput", "09T00:00").value, Some(0.0));
    assert_eq!(week("time_to_merge", "09T00:00").value, None);
    assert_eq!(week("pipeline_success_rate", "09T00:00").value, None);
    assert_eq!(week("deployment_frequency", "09T00:00").value, None);
    // On the 16th 00:00 the third had been untouched for more than seven days; on the 9th not yet.
    assert_eq!(week("stale_merge_requests", "09T00:00").value, Some(1.0));
    assert_eq!(week("stale_merge_requests", "02T00:00").value, Some(0.0));
}
