//! What others may have to hear of.

use serde::{Deserialize, Serialize};

/// Something that happened of which others must hear. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Topic {
    /// Came to an emergency department (`Encounter`, class EMER).
    Attended = 1,
    /// Admitted to a bed (`Encounter`, class IMP and its kinds).
    Admitted = 2,
    /// Moved to another ward.
    Moved = 3,
    /// The day somebody is expected to leave was set or changed.
    ExpectedDischarge = 4,
    /// Left hospital.
    Discharged = 5,
    /// A result is final.
    ResultFinal = 6,
    /// A result was corrected after it was final.
    ResultCorrected = 7,
    /// A result holds a critical value (`Observation.interpretation` HH, LL, AA).
    ResultCritical = 8,
    /// A letter was filed.
    LetterFiled = 9,
    /// A letter replaces an earlier one.
    LetterReplaced = 10,
    /// An appointment was booked.
    AppointmentBooked = 11,
    /// An appointment was moved to another time.
    AppointmentChanged = 12,
    /// An appointment was cancelled.
    AppointmentCancelled = 13,
    /// An appointment was not attended.
    AppointmentMissed = 14,
    /// A care plan was made or changed.
    PlanChanged = 15,
    /// Somebody was referred.
    ReferralMade = 16,
    /// A referral was accepted.
    ReferralAccepted = 17,
    /// A referral was closed.
    ReferralClosed = 18,
    /// A source says that the person died.
    Died = 19,
    /// Two patients were found to be one person.
    Linked = 20,
    /// A patient was found to be somebody else.
    Split = 21,
    /// Whoever was asked for a test or to see somebody answered.
    RequestAnswered = 22,
    /// Whoever was asked asks for more.
    RequestQuestioned = 23,
    /// Whoever asked said more.
    RequestReplied = 24,
    /// Whoever was asked declined.
    RequestDeclined = 25,
}

impl Topic {
    /// All of them, in the order they are shown.
    pub const ALL: [Topic; 25] = [
        Topic::Attended,
        Topic::Admitted,
        Topic::Moved,
        Topic::ExpectedDischarge,
        Topic::Discharged,
        Topic::ResultFinal,
        Topic::ResultCorrected,
        Topic::ResultCritical,
        Topic::LetterFiled,
        Topic::LetterReplaced,
        Topic::AppointmentBooked,
        Topic::AppointmentChanged,
        Topic::AppointmentCancelled,
        Topic::AppointmentMissed,
        Topic::PlanChanged,
        Topic::ReferralMade,
        Topic::ReferralAccepted,
        Topic::ReferralClosed,
        Topic::RequestAnswered,
        Topic::RequestQuestioned,
        Topic::RequestReplied,
        Topic::RequestDeclined,
        Topic::Died,
        Topic::Linked,
        Topic::Split,
    ];

    /// From the number it is stored as.
    pub fn from_number(number: u8) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| *topic as u8 == number)
    }

    /// Its name in rules, subscriptions and addresses.
    pub fn code(self) -> &'static str {
        match self {
            Topic::Attended => "attended",
            Topic::Admitted => "admitted",
            Topic::Moved => "moved",
            Topic::ExpectedDischarge => "expected-discharge",
            Topic::Discharged => "discharged",
            Topic::ResultFinal => "result-final",
            Topic::ResultCorrected => "result-corrected",
            Topic::ResultCritical => "result-critical",
            Topic::LetterFiled => "letter-filed",
            Topic::LetterReplaced => "letter-replaced",
            Topic::AppointmentBooked => "appointment-booked",
            Topic::AppointmentChanged => "appointment-changed",
            Topic::AppointmentCancelled => "appointment-cancelled",
            Topic::AppointmentMissed => "appointment-missed",
            Topic::PlanChanged => "plan-changed",
            Topic::ReferralMade => "referral-made",
            Topic::ReferralAccepted => "referral-accepted",
            Topic::ReferralClosed => "referral-closed",
            Topic::Died => "died",
            Topic::Linked => "linked",
            Topic::Split => "split",
            Topic::RequestAnswered => "request-answered",
            Topic::RequestQuestioned => "request-questioned",
            Topic::RequestReplied => "request-replied",
            Topic::RequestDeclined => "request-declined",
        }
    }

    /// Of its name.
    pub fn of(code: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| topic.code() == code)
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Topic::Attended => "Came to A&E",
            Topic::Admitted => "Admitted to hospital",
            Topic::Moved => "Moved to another ward",
            Topic::ExpectedDischarge => "Expected date of discharge",
            Topic::Discharged => "Left hospital",
            Topic::ResultFinal => "Result final",
            Topic::ResultCorrected => "Result corrected",
            Topic::ResultCritical => "Critical result",
            Topic::LetterFiled => "Letter filed",
            Topic::LetterReplaced => "Letter replaced",
            Topic::AppointmentBooked => "Appointment booked",
            Topic::AppointmentChanged => "Appointment moved",
            Topic::AppointmentCancelled => "Appointment cancelled",
            Topic::AppointmentMissed => "Did not attend",
            Topic::PlanChanged => "Care plan changed",
            Topic::ReferralMade => "Referred",
            Topic::ReferralAccepted => "Referral accepted",
            Topic::ReferralClosed => "Referral closed",
            Topic::Died => "Died",
            Topic::Linked => "Records joined",
            Topic::Split => "Records parted",
            Topic::RequestAnswered => "Request answered",
            Topic::RequestQuestioned => "More is asked about a request",
            Topic::RequestReplied => "More was said about a request",
            Topic::RequestDeclined => "Request declined",
        }
    }

    /// As people read it once it is taken back.
    pub fn taken_back(self) -> &'static str {
        match self {
            Topic::Attended => "Did not come to A&E after all",
            Topic::Admitted => "Not admitted after all",
            Topic::Moved => "Not moved after all",
            Topic::ExpectedDischarge => "No expected date of discharge any more",
            Topic::Discharged => "Still in hospital: the discharge was cancelled",
            Topic::ResultFinal | Topic::ResultCorrected | Topic::ResultCritical => "Result withdrawn",
            Topic::LetterFiled | Topic::LetterReplaced => "Letter withdrawn",
            Topic::AppointmentBooked | Topic::AppointmentChanged => "Appointment entered in error",
            Topic::AppointmentCancelled => "Appointment stands again",
            Topic::AppointmentMissed => "Attended after all",
            Topic::PlanChanged => "Care plan withdrawn",
            Topic::ReferralMade | Topic::ReferralAccepted => "Referral withdrawn",
            Topic::RequestAnswered | Topic::RequestQuestioned | Topic::RequestReplied | Topic::RequestDeclined => {
                "What was said about a request was taken back"
            }
            Topic::ReferralClosed => "Referral open again",
            Topic::Died => "Not dead: the source took it back",
            Topic::Linked => "Records parted again",
            Topic::Split => "Records joined again",
        }
    }

    /// Whether somebody should look at it before others.
    pub fn is_urgent(self) -> bool {
        matches!(self, Topic::Attended | Topic::Admitted | Topic::ResultCritical | Topic::Died)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_read_back_by_its_name_and_its_number() {
        for topic in Topic::ALL {
            assert_eq!(Topic::of(topic.code()), Some(topic));
            assert_eq!(Topic::from_number(topic as u8), Some(topic));
            let written = serde_json::to_value(topic).expect("JSON");
            assert_eq!(written, topic.code());
        }
    }
}
