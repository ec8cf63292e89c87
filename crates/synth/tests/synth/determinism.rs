//! Same seed and start, same bytes; another seed, another region.

use crate::{START, region};
use synth::{Outgoing, Region};

fn everything(region: &Region) -> Vec<Outgoing> {
    let people: Vec<_> = region.everyone().collect();
    region.opening().into_iter().chain(people.iter().flat_map(|p| region.history(p))).collect()
}

#[test]
fn the_same_seed_and_start_give_the_same_bytes() {
    assert_eq!(everything(&region(300)), everything(&region(300)));
}

#[test]
fn a_person_asked_for_alone_is_the_person_of_the_crowd() {
    let region = region(700);
    let crowd: Vec<_> = region.everyone().collect();
    for index in [0, 255, 256, 511, 699] {
        let alone = region.person(index).unwrap();
        let of_crowd = &crowd[usize::try_from(index).unwrap()];
        assert_eq!((alone.nhs, &alone.family, alone.birth), (of_crowd.nhs, &of_crowd.family, of_crowd.birth));
        assert_eq!(region.history(&alone), region.history(of_crowd));
    }
    assert!(region.person(700).is_none());
}

#[test]
fn another_seed_gives_another_region() {
    let one: Vec<_> = region(50).everyone().map(|p| (p.family, p.given)).collect();
    let other: Vec<_> = Region::new(7, 50, START).everyone().map(|p| (p.family, p.given)).collect();
    assert_ne!(one, other);
}
