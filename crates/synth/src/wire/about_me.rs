//! About Me: what people want those who care for them to know, in their own words.

use super::fhir::{self, Entries};
use crate::{
    clinical::illness::Ill,
    dice::Dice,
    life::{Life, World},
    people::{Kin, Person},
    when::iso_date,
};
use jiff::civil::Date;

/// The response, kept by the practice. Headings are the standard's (PRSB About Me 2021).
pub(crate) fn write(
    entries: &mut Entries<'_>,
    world: &World,
    person: &Person,
    life: &Life,
    made: Date,
    subject: &str,
    local: &str,
) {
    let mut dice = Dice::new(world.seed, &[83, person.index]);
    let people = person
        .contacts
        .iter()
        .map(|c| {
            let who = match c.kin {
                Kin::Partner => {
                    if c.title == "Mr" {
                        "my husband"
                    } else {
                        "my wife"
                    }
                }
                Kin::Mother => "my mother",
                Kin::Father => "my father",
                Kin::Daughter => "my daughter",
                Kin::Son => "my son",
                Kin::Sister => "my sister",
                Kin::Brother => "my brother",
                Kin::Friend => "my friend",
            };
            format!("{} {} ({who}, {})", c.given, c.family, c.phone)
        })
        .collect::<Vec<_>>()
        .join("; ");
    let important = *dice.pick(&[
        "My garden, the cat, and church on Sundays.",
        "Being asked, not told. My music, and a proper cup of tea.",
        "My grandchildren, and staying in my own home.",
        "Football on a Saturday and time to myself.",
    ]);
    let day = life.until;
    let communicate = if life.has(Ill::HearingLoss, day) {
        "I wear two hearing aids. Face me, one at a time, no shouting."
    } else if life.has(Ill::LearningDisability, day) || life.has(Ill::Autism, day) {
        "Short sentences, one question at a time, and wait. Pictures help."
    } else if life.has(Ill::Dementia, day) {
        "Say my name first. I may agree when I have not understood."
    } else {
        "I like to be told things straight, and to have them written down."
    };
    let support = *dice.pick(&[
        "Mornings are slow; please do not rush me.",
        "I manage my own tablets from the dosette box.",
        "Help with buttons and shoes, the rest I can do.",
    ]);
    let wellness = *dice.pick(&[
        "On a good day I walk to the shop and back.",
        "I sleep badly and am better after noon.",
        "I am well when I have company.",
    ]);
    let please = *dice.pick(&[
        "Please call me by my first name. Please do knock. Please don't move my chair.",
        "Please do explain first. Please don't talk about me over my head.",
    ]);
    let called = person.known_as.unwrap_or(person.given.as_str());
    let also = format!("Everybody calls me {called}.");
    let helped = if life.has(Ill::Dementia, day) || life.has(Ill::LearningDisability, day) {
        "My family helped me to write this."
    } else {
        "I wrote this myself."
    };
    entries.put("QuestionnaireResponse", &format!("{local}-aboutme"), |j| {
        fhir::profile(j, "QuestionnaireResponse");
        j.text("questionnaire", "https://wexmoor.example/fhir/Questionnaire/about-me");
        j.text("status", "completed");
        fhir::reference(j, "subject", subject);
        j.text("authored", &iso_date(made));
        fhir::reference(j, "author", subject);
        fhir::reference(j, "source", subject);
        j.list("item", |j| {
            for (link, heading, text) in [
                ("most-important", "What is most important to me", important),
                ("people", "People who are important to me", people.as_str()),
                ("communicate", "How I communicate and how to communicate with me", communicate),
                ("support", "How and when to support me", support),
                ("wellness", "My wellness", wellness),
                ("please", "Please do and please don't", please),
                ("also", "Also worth knowing about me", also.as_str()),
                ("supported-by", "Supported to write this by", helped),
            ] {
                if text.is_empty() {
                    continue;
                }
                j.item(|j| {
                    j.text("linkId", link);
                    j.text("text", heading);
                    j.one("answer", |j| j.text("valueString", text));
                });
            }
        });
    });
}
