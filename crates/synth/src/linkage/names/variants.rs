//! Other forms of one name: what people are called every day, how clerks hear it, how it is written in Latin letters.

use crate::dice::Dice;
use std::{collections::HashMap, sync::OnceLock};

/// Everyday forms, the full name first. A person may be on file under any.
const EVERYDAY: &str = "\
William Bill Will Billy Liam Willie|Robert Bob Rob Bobby Robbie Bert|Richard Dick Rick Richie Rich|Elizabeth Liz Betty Beth Lizzie Eliza \
Betsy Libby Elsie Lisa|Margaret Maggie Peggy Meg Marge Greta Madge|Katherine Kate Katie Kathy Kitty Kay|Catherine Cath Cathy Kate Katie \
Kitty|Kathleen Kath Kathy Kay|Kathryn Kath Kate Katie|John Jack Johnny Jon|James Jim Jimmy Jamie|Thomas Tom Tommy|Michael Mike Mick \
Mickey Micky|Anthony Tony Ant|Edward Ted Eddie Ed Ned Teddy|Charles Charlie Chas Chuck|Alexander Alex Sandy Alec Lex Xander|Frederick \
Fred Freddie Freddy|George Georgie|Albert Bert Bertie Al|Arthur Art Archie|Ronald Ron Ronnie|Kenneth Ken Kenny|Raymond Ray|Leonard Len \
Lenny|Stanley Stan|Walter Wally Walt|Harold Harry Hal|Henry Harry Hal|Herbert Bert Herb|Francis Frank Frankie|Lawrence Larry Laurie|\
Andrew Andy Drew|Christopher Chris Kit Topher|Daniel Dan Danny|David Dave Davey Dai|Stephen Steve Ste|Steven Steve|Peter Pete|Philip Phil|\
Joseph Joe Joey|Joshua Josh|Matthew Matt Mat|Benjamin Ben Benny|Samuel Sam Sammy|Nicholas Nick Nicky|Jonathan Jon Jonny|Timothy Tim|\
Gregory Greg|Geoffrey Geoff|Jeffrey Jeff|Terence Terry|Donald Don|Derek Del|Leslie Les|Gordon Gordie|Nathaniel Nat Nathan|Zachary Zac Zach|\
Patrick Pat Paddy Rick|Martin Marty|Frank Frankie|Alfred Alf Alfie Fred|Ernest Ernie|Reginald Reg Reggie|Sidney Sid|Clifford Cliff|Victor \
Vic|Vincent Vince Vinny|Theodore Theo Ted Teddy|Oliver Ollie Oli|Archibald Archie|Mary Molly Polly May Mamie|Patricia Pat Patsy Tricia \
Trish|Susan Sue Susie|Suzanne Sue Suzie|Christine Chris Chrissie Tina|Christina Chris Tina|Jennifer Jenny Jen|Rebecca Becky Becca Bex|\
Jessica Jess Jessie|Victoria Vicky Vicki Tori|Samantha Sam Sammy|Deborah Debbie Deb|Debra Debbie|Jacqueline Jackie Jacqui|Pamela Pam|\
Barbara Barb Babs|Dorothy Dot Dolly Dottie|Florence Flo Florrie Flossie|Eleanor Ellie Nell Nora Elle|Isabella Bella Izzy Isa|Isabelle Izzy \
Belle|Alexandra Alex Sandra Lexi Sasha|Sandra Sandie|Charlotte Charlie Lottie Lotte|Abigail Abi Abbie Gail|Amanda Mandy|Angela Angie Ange|\
Judith Judy|Gillian Gill Jill|Valerie Val|Theresa Terry Tess|Teresa Terry Tess|Josephine Jo Josie|Joanne Jo|Nicola Nicky Nikki|Natalie Nat|\
Natasha Tasha Nat|Stephanie Steph|Michelle Shell Chelle|Danielle Dani Danni|Emily Em Emmy Millie|Amelia Millie Amy Mia|Emma Em|Bethany Beth|\
Georgina Georgie Gina|Georgia Georgie|Philippa Pippa Pip|Rosemary Rose Rosie|Frances Fran Frankie|Maureen Mo Reen|Beverley Bev|Lesley Les|\
Caroline Caz Carrie Lyn|Helen Nell Nellie|Ann Annie Nan|Anne Annie|Margaret Rita|Marjorie Marge|Winifred Win Winnie Freda|Gwendoline Gwen|\
Doreen Dor|Sarah Sally Sadie|Janet Jan|Sylvia Syl|Sheila She|Edith Edie|Mohammed Mo|Muhammad Mo|Agnieszka Aga Agnes|Małgorzata Gosia Margaret|\
Katarzyna Kasia Kate|Aleksandra Ola Alex|Magdalena Magda|Joanna Asia Jo|Krzysztof Krzys Chris|Tomasz Tomek Tom|Piotr Peter|Michał Michael \
Mike|Paweł Paul|Alexandru Alex|Alejandro Alex|Francisco Paco Fran|José Pepe|Oluwaseun Seun|Babatunde Tunde|Chukwuemeka Emeka|Oluwatobi Tobi|\
Temitope Temi Tope|Harpreet Harp|Gurpreet Gary Gurp|Jaspreet Jas|Manpreet Manny Mani|Amandeep Aman|Kulwinder Kully|Balwinder Bal|Rajesh Raj|\
Sukhwinder Sukhi|Ibrahim Ibby|Abdul Ab|Siobhan Shiv|Bridget Bridie Biddy";

/// Spellings of one sound or one foreign letter.
const SPELLINGS: &str = "\
Mohammed Muhammad Mohammad Mohamed Muhammed Mohamad Mohd|Ahmed Ahmad Ahmet Achmed|Hussain Hussein Husain Husayn Hossain Hussien|Hassan Hasan \
Hasaan|Yusuf Yousuf Yousef Youssef Yusef Yousaf|Ibrahim Ebrahim Ibraheem|Usman Osman Othman Uthman|Omar Umar Omer|Aisha Ayesha Aysha Aishah \
Aesha|Fatima Fatimah Fathima Fatema|Zainab Zaynab Zeinab|Maryam Mariam Miriam Meryem|Khadija Khadijah Kadija|Amina Aminah Aamina Ameena|\
Rahman Rehman Rahmaan Rahmon|Choudhury Chowdhury Chaudhry Choudhary Chaudhary Choudry Chowdhry|Miah Mia Meah Miya|Begum Begam Bagum|Haque \
Hoque Haq Huq Hoq|Siddiqui Siddique Siddiqi Sidiqi|Qureshi Quraishi Kureshi Koreshi|Sheikh Shaikh Shaykh Shekh|Akhtar Akhter Aktar Akter|\
Mahmood Mahmud Mehmood Mahmoud|Rashid Rasheed Rashed|Bashir Basheer Bashar|Nazir Nazeer|Saleem Salim|Rafiq Rafique Rafeeq|Hamid Hameed|\
Majid Majeed|Latif Lateef|Karim Kareem|Jamil Jameel|Tariq Tarik Tareq Tarek|Khalid Khaled|Abdullah Abdulla Abdallah|Yasmin Yasmeen Jasmine \
Yasmine|Nasreen Nasrin|Parveen Parvin Perveen|Shirin Shireen|Noreen Noorin|Sultana Sultanah|Uddin Udin Ud-Din|Khatun Khatoon|Islam Eslam|\
Ali Aly Alli|Zahra Zara Zahrah|Leila Layla Laila Leyla|Noor Nur Nour|Samira Sameera|Bilal Belal|Bibi Bebe|Hossain Hussain Hossein|Patel \
Pattel|Sharma Sarma|Gurpreet Gurprit|Harpreet Harprit|Kaur Kour|Singh Sing|Joshi Joshy|Reddy Reddi|Lakshmi Laxmi|Priya Pria|Suresh Suraish|\
Krishna Krisna|Sivakumar Shivakumar|Selvarajah Selvaraja|Chan Chen Tan|Wong Huang Wang|Lee Li Ly|Cheung Zhang Cheong|Chow Zhou|Lam Lin Lum|Ng \
Ing|Tsang Zeng|Xu Hsu|Zhao Chao|Nguyen Nguyễn Ngyuen|Tran Trần|Pham Phạm|Huynh Huỳnh|Olga Olha|Yulia Julia Iuliia|Andriy Andrii Andrey|\
Oleksandr Olexander Alexandr|Dmitrijs Dmitry Dmitri|Volodymyr Vladimir|Shevchenko Sevcenko|Mensah Mensa|Owusu Owusuh|Okafor Okafo|Adeyemi \
Adeyimi|Fadumo Faduma Fatuma|Mohamud Mahamud Maxamuud|Warsame Warsama|Farah Faarax|Abdi Cabdi|Osei Osai|Kwame Kwamé|Tesfaye Tesfai|Catherine \
Katherine Kathryn Katharine Cathryn|Sarah Sara|Ann Anne|Steven Stephen|Philip Phillip|Graham Graeme Grahame|Claire Clare Clair|Tracey Tracy \
Tracie|Lesley Leslie|Geoffrey Jeffrey|Jonathan Jonathon Johnathan|Allan Alan Allen|Brian Bryan|Sean Shaun Shawn|Rachel Rachael|Deborah Debra|\
Teresa Theresa|Lynn Lynne Lyn|Gillian Jillian|Marian Marion|Frances Francis|Hayley Hailey Haley|Zoe Zoë Zoey|Chloe Chloë Khloe|Megan Meghan \
Meagan|Niamh Neve Neave|Siobhan Shivaun|Aoife Eefa|Caoimhe Keeva|Saoirse Sersha|Isobel Isabel Isabelle|Sophie Sofie|Sofia Sophia|Lily Lilly \
Lillie|Ellie Elly|Katie Katy|Jamie Jaime|Connor Conor|Callum Calum|Kieran Ciaran Keiran|Declan Deklan|Lewis Louis|Isaac Izaak|Mathew Matthew|\
Nicholas Nicolas|Christopher Kristopher|Stuart Stewart|Leigh Lee|Jake Jayke|Ryan Rian|Clark Clarke|Smith Smyth Smythe|Brown Browne|Taylor \
Tayler Tailor|Thompson Thomson Tompson|Davis Davies|Johnson Johnston Johnstone|Phillips Philips Phillipps|Stevens Stephens|Read Reid Reed|\
Harris Harriss|Green Greene|Cook Cooke|Shaw Shore|Moore More Moor|Allen Allan|Matthews Mathews|Nicholson Nicolson|Pearce Pierce Pearse|Lowe \
Low|Hughes Hughs Hews|Griffiths Griffith|Lloyd Loyd|Evans Evens|Rogers Rodgers|Barrett Barratt|Bailey Bayley Baillie|Walsh Welsh Walshe|\
Macdonald McDonald MacDonald|McKenzie Mackenzie MacKenzie|Kowalski Kovalski|Wiśniewski Wisniewsky|Gray Grey|Elliott Elliot Eliot|Kelly Kelley|\
O'Reilly O'Riley|O'Sullivan Sullivan|Dixon Dickson|Fisher Fischer|Robertson Robinson|Simpson Simson|Hall Haul|White Whyte|Turner Terner|\
Symonds Simmonds Simmons|Parsons Persons|Whittaker Whitaker|Hargreaves Hargraves|Wilson Willson|Harrison Harrisson|Foster Forster|Carr Kerr|\
Connolly Connelly|Doherty Dougherty Docherty|Maguire McGuire|McLoughlin McLaughlin MacLaughlin|Byrne Burn Burns|Burke Bourke";

/// Twins whose names differ by little, and pairs that tradition gives to twins.
pub(in crate::linkage) const TWINS: [(&str, &str, bool, &str); 24] = [
    ("Ann", "Anna", true, "B"),
    ("Ella", "Ellie", true, "B"),
    ("Emily", "Emilia", true, "B"),
    ("Lily", "Lilly", true, "B"),
    ("Jane", "Janet", true, "B"),
    ("Marie", "Maria", true, "B"),
    ("Carol", "Caroline", true, "B"),
    ("Kayla", "Kyla", true, "B"),
    ("Mia", "Maya", true, "B"),
    ("Jayden", "Jaydon", false, "B"),
    ("Alan", "Allan", false, "B"),
    ("Ronald", "Donald", false, "B"),
    ("Harry", "Henry", false, "B"),
    ("Tyler", "Taylor", false, "B"),
    ("Leo", "Theo", false, "B"),
    ("Aaron", "Arron", false, "B"),
    ("Hassan", "Hussain", false, "M"),
    ("Haroon", "Harun", false, "M"),
    ("Amina", "Aminah", true, "M"),
    ("Zahra", "Zara", true, "M"),
    ("Taiwo", "Kehinde", true, "N"),
    ("Taiwo", "Kehinde", false, "N"),
    ("Riya", "Diya", true, "H"),
    ("Aarav", "Arav", false, "H"),
];

type Groups = HashMap<&'static str, Vec<&'static [&'static str]>>;

fn groups(text: &'static str) -> Groups {
    let mut all = Groups::new();
    for line in text.split('|') {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        // Lives as long as the process: the tables are made once.
        let words: &'static [&'static str] = Vec::leak(words);
        for word in words {
            all.entry(word).or_default().push(words);
        }
    }
    all
}

fn other(groups: &Groups, name: &str, dice: &mut Dice) -> Option<String> {
    let sets = groups.get(name)?;
    let set = dice.pick(sets);
    let others: Vec<&str> = set.iter().copied().filter(|word| *word != name).collect();
    (!others.is_empty()).then(|| (*dice.pick(&others)).to_owned())
}

/// What somebody with this name is called every day, or in full when this is the everyday form.
pub(in crate::linkage) fn everyday(name: &str, dice: &mut Dice) -> Option<String> {
    static GROUPS: OnceLock<Groups> = OnceLock::new();
    other(GROUPS.get_or_init(|| groups(EVERYDAY)), name, dice)
}

/// The same name in another spelling or transliteration.
pub(in crate::linkage) fn transliterated(name: &str, dice: &mut Dice) -> Option<String> {
    static GROUPS: OnceLock<Groups> = OnceLock::new();
    other(GROUPS.get_or_init(|| groups(SPELLINGS)), name, dice)
}
