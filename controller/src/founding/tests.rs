use protocol::Uuid;

use super::*;

const CLUSTER: &str = "cluster";

fn voter(node: u8, directory: u8) -> VoterKey {
    VoterKey { node_id: BrokerId(node.into()), directory_id: Uuid([directory; 16]) }
}

fn answer(key: VoterKey, voters: &[VoterKey]) -> VoterIdentityResponse {
    VoterIdentityResponse {
        cluster_id: CLUSTER.into(),
        key,
        voters: voters.to_vec(),
        ..Default::default()
    }
}

/// What voter 1 with directory 1 of the quorum 1, 2, 3 does; who isn't among the answers is silent.
fn step(
    own: VoterKey,
    promised: Option<&[VoterKey]>,
    answers: &[VoterIdentityResponse],
) -> Result<Step, String> {
    let answers: BTreeMap<_, _> =
        answers.iter().map(|answer| (answer.key.node_id, answer.clone())).collect();
    let silent = (1..=3)
        .map(BrokerId)
        .filter(|id| !answers.contains_key(id) && *id != own.node_id)
        .collect();
    let promised = promised.map(|voters| voters.iter().copied().collect());
    next_step(CLUSTER, own, promised, &answers, silent).map_err(|error| error.to_string())
}

fn all() -> [VoterKey; 3] {
    [voter(1, 1), voter(2, 2), voter(3, 3)]
}

#[test]
fn nobody_begins_before_all_have_answered() {
    let [one, two, three] = all();
    let waits = step(one, None, &[answer(two, &[])]).unwrap();
    assert_eq!(waits, Step::Wait("controller 3".into()));
    let waits = step(one, Some(&all()), &[answer(three, &all())]).unwrap();
    assert_eq!(waits, Step::Wait("controller 2".into()));
}

#[test]
fn a_promise_comes_before_the_beginning() {
    let [one, two, three] = all();
    let empty = [answer(two, &[]), answer(three, &[])];
    assert_eq!(step(one, None, &empty), Ok(Step::Promise(all().into())));
    let waits = step(one, Some(&all()), &[answer(two, &all()), answer(three, &[])]).unwrap();
    assert_eq!(waits, Step::Wait("controller 3 to have asked all others".into()));
}

#[test]
fn one_begins_when_all_have_promised() {
    let [one, two, three] = all();
    let promised = |first, second| [answer(first, &all()), answer(second, &all())];
    assert_eq!(step(one, Some(&all()), &promised(two, three)), Ok(Step::Found(all().into())));
    let waits = step(two, Some(&all()), &promised(one, three)).unwrap();
    assert_eq!(waits, Step::Wait("controller 1 to begin it".into()));
}

#[test]
fn a_quorum_that_has_begun_is_waited_for() {
    let [one, two, three] = all();
    let founded = VoterIdentityResponse { founded: true, ..answer(two, &all()) };
    let waits = step(one, Some(&all()), &[founded, answer(three, &all())]).unwrap();
    assert!(matches!(waits, Step::Wait(reason) if reason.contains("have begun it")));
}

#[test]
fn a_wiped_disk_is_refused_by_whoever_has_promised_otherwise() {
    let [_, two, _] = all();
    let wiped = voter(1, 9);
    let refusal = step(wiped, None, &[answer(two, &all())]).unwrap_err();
    assert!(refusal.contains("this node's directory isn't the voter that the quorum knows"));
    assert!(!refusal.contains('\n'));
}

#[test]
fn two_wiped_disks_do_not_begin_anew_with_one_that_remembers() {
    let [.., three] = all();
    let (one, two) = (voter(1, 9), voter(2, 9));
    assert!(step(one, None, &[answer(two, &[]), answer(three, &all())]).is_err());
    // Nor does the one that remembers, whoever answers.
    let waits = step(three, Some(&all()), &[answer(one, &[]), answer(two, &[])]).unwrap();
    assert!(matches!(waits, Step::Wait(reason) if reason.contains("has lost its directory")));
}

#[test]
fn a_voter_that_the_quorum_does_not_know_is_refused() {
    let [one, two, three] = all();
    let stranger = voter(4, 4);
    let refusal = step(stranger, None, &[answer(one, &[one, two, three])]).unwrap_err();
    assert!(refusal.contains("node 4 is no voter"), "{refusal}");
    assert!(refusal.contains("1, 2, 3"), "{refusal}");
}

#[test]
fn a_voter_of_another_cluster_is_refused() {
    let [one, two, _] = all();
    let other = VoterIdentityResponse { cluster_id: "other".into(), ..answer(two, &[]) };
    let refusal = step(one, None, &[other]).unwrap_err();
    assert!(refusal.contains("controller 2 belongs to cluster other"), "{refusal}");
}

#[test]
fn a_taken_node_id_is_refused() {
    let refusal = step(voter(1, 1), None, &[answer(voter(1, 7), &[])]).unwrap_err();
    assert!(refusal.contains("two nodes have node.id=1"), "{refusal}");
}

#[test]
fn a_voter_at_anothers_address_is_refused() {
    let answers = BTreeMap::from([(BrokerId(2), answer(voter(3, 3), &[]))]);
    let refused = next_step(CLUSTER, voter(1, 1), None, &answers, BTreeSet::new()).unwrap_err();
    assert!(refused.to_string().contains("controller 3 answers where controller.quorum.voters"));
}

#[test]
fn a_promise_is_found_again() {
    let stores = store::MemoryStores::default();
    let store = store::Stores::open(&stores, std::path::Path::new("store")).unwrap();
    assert_eq!(promised(&*store).unwrap(), None);
    promise(&*store, &all().into()).unwrap();
    assert_eq!(promised(&*store).unwrap(), Some(all().into()));
}
