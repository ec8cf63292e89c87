//! Lists of names, commonest first.

#[rustfmt::skip]
pub(super) const BRITISH_FAMILIES: &[&str] = &[
    "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Robinson", "Wright", "Thompson",
    "Evans", "Walker", "White", "Roberts", "Green", "Hall", "Wood", "Jackson", "Clarke", "Harris", "Clark", "Turner",
    "Hill", "Cooper", "Ward", "Moore", "Morris", "Watson", "Harrison", "Baker", "Martin", "King", "Morgan", "Allen",
    "Lewis", "James", "Scott", "Phillips", "Parker", "Bennett", "Lee", "Cook", "Cox", "Richardson", "Bell", "Shaw",
    "Young", "Collins", "Price", "Carter", "Griffiths", "Mitchell", "Edwards", "Bailey", "Adams", "Marshall",
    "Simpson", "Anderson", "Foster", "Webb", "Mills", "Powell", "Stevens", "Rogers", "Hunt", "Barker", "Palmer",
    "Knight", "Fox", "Chapman", "Mason", "Lloyd", "Matthews", "Dixon", "Holmes", "Barnes", "Butler", "Hughes",
    "Fisher", "Ellis", "Russell", "Graham", "Pearson", "Stephens", "Reynolds", "Gibson", "Saunders", "Walsh",
    "Atkinson", "Ford", "Owen", "Spencer", "Armstrong", "Lawrence", "Cole", "Burton", "Pearce", "Payne", "Day",
    "Gardner", "Harvey", "Newton", "Rose", "Cunningham", "Hart", "Fletcher", "Dawson", "Booth", "Reid", "Hudson",
    "Brooks", "Lowe", "Barrett", "Carr", "Hawkins", "Porter", "Bradley", "Wells", "Stone", "Francis", "Gregory",
    "Cross", "Bird", "Sutton", "Parsons", "Oliver", "Watts", "Bates", "Frost", "Nicholson", "Woods", "Jennings",
    "Hopkins", "Long", "Bolton", "Perkins", "Whitehead", "Ashworth", "Hargreaves", "Entwistle", "Sykes", "Thornton",
    "Holland", "Heath", "Nash", "Poole", "Rowe", "Tucker", "Pritchard", "Bowen", "Peacock", "Field", "Goodwin",
    "Hancock", "Kemp", "Lambert", "Manning", "Norris", "Osborne", "Pickering", "Ramsden", "Sharp", "Tindall",
    "Underwood", "Vickers", "Wardle", "Yates", "Braithwaite", "Crossley", "Duckworth", "Fairclough", "Greenhalgh",
    "Hebblethwaite", "Illingworth", "Kershaw", "Longbottom", "Micklethwaite", "Nuttall", "Ogden", "Postlethwaite",
    "Rigby", "Shufflebottom", "Tattersall", "Wolstenholme", "Featherstone", "St John", "Le Roux", "de Vere",
];

#[rustfmt::skip]
pub(super) const IRISH_FAMILIES: &[&str] = &[
    "Murphy", "Kelly", "O'Brien", "Byrne", "Ryan", "O'Sullivan", "O'Connor", "Walsh", "McCarthy", "Doyle",
    "Gallagher", "Doherty", "Kennedy", "Lynch", "Quinn", "O'Neill", "McDonald", "Brennan", "Burke", "Collins",
    "Clarke", "Hughes", "Nolan", "Fitzgerald", "O'Reilly", "Daly", "Flynn", "Connolly", "O'Callaghan", "McLoughlin",
    "Keane", "Fitzpatrick",
];

#[rustfmt::skip]
pub(super) const EUROPEAN_FAMILIES: &[&str] = &[
    "Nowak", "Kowalski", "Wiśniewska", "Popescu", "Silva", "Santos", "Rossi", "Müller", "Kowalczyk", "Zieliński",
    "Ionescu", "Ferreira", "García", "López", "Schmidt", "Kamiński", "Lewandowska", "Wójcik", "Dumitru", "Petrov",
    "Ivanova", "Papadopoulos", "Costa", "Martínez", "Lefèvre", "Dubois", "Jansen", "Horváth", "Nagy", "Novák",
    "Szymańska", "Kazlauskas", "Bērziņš", "Östberg", "Sørensen", "Moreau", "Bianchi", "Gómez", "Fernández", "Yılmaz",
];

#[rustfmt::skip]
pub(super) const HINDU_SIKH_FAMILIES: &[&str] = &[
    "Patel", "Singh", "Kaur", "Shah", "Sharma", "Kumar", "Desai", "Mehta", "Joshi", "Gill", "Sandhu", "Dhillon",
    "Chauhan", "Parmar", "Nair", "Reddy", "Iyer", "Gupta", "Verma", "Mistry", "Bhatt", "Rao", "Solanki", "Thakur",
    "Perera", "Fernando", "Gurung", "Rai", "Sivakumar", "Bains", "Sidhu", "Grewal", "Lakhani", "Menon", "Das",
];

#[rustfmt::skip]
pub(super) const MUSLIM_FAMILIES: &[&str] = &[
    "Khan", "Ahmed", "Hussain", "Ali", "Begum", "Akhtar", "Mahmood", "Malik", "Iqbal", "Shah", "Miah", "Rahman",
    "Uddin", "Chowdhury", "Bibi", "Ahmad", "Mirza", "Rashid", "Aslam", "Hassan", "Khatun", "Islam", "Choudhury",
    "Raja", "Butt", "Sheikh", "Qureshi", "Siddiqui", "Javed", "Zaman", "Karim", "Haque", "Yousaf", "Bashir",
];

#[rustfmt::skip]
pub(super) const CHINESE_FAMILIES: &[&str] = &[
    "Wong", "Chan", "Li", "Chen", "Wang", "Zhang", "Liu", "Lam", "Cheung", "Ng", "Leung", "Yang", "Huang", "Ho", "Wu",
    "Lau", "Yip", "Tang",
];

#[rustfmt::skip]
pub(super) const AFRICAN_FAMILIES: &[&str] = &[
    "Okafor", "Adeyemi", "Mensah", "Owusu", "Okonkwo", "Boateng", "Abdi", "Mohamed", "Adebayo", "Osei", "Moyo",
    "Ncube", "Eze", "Asante", "Balogun", "Ogunleye", "Dlamini", "Kamara", "Sesay", "Appiah", "Tesfaye", "Haile",
    "Nwosu", "Afolabi", "Banda", "Phiri", "Kariuki", "Mwangi", "Farah", "Warsame", "Agyeman", "Amoah", "Chikwanha",
];

#[rustfmt::skip]
pub(super) const CARIBBEAN_FAMILIES: &[&str] = &[
    "Campbell", "Brown", "Williams", "Clarke", "Grant", "Francis", "Thomas", "Gordon", "Morgan", "Bailey", "Henry",
    "Reid", "Edwards", "Lewis", "Thompson", "Powell", "Stewart", "Robinson", "Douglas", "Samuels", "Charles",
    "Joseph", "Palmer", "Walters", "Blake", "Bennett", "Pinnock", "McKenzie", "St Hilaire", "Baptiste",
];

#[rustfmt::skip]
pub(super) const ARAB_FAMILIES: &[&str] = &[
    "Al-Hassan", "Ibrahim", "Haddad", "Mansour", "Saleh", "Nasser", "Khalil", "Hosseini", "Karimi", "Rahimi", "Demir",
    "Kaya", "Aziz", "Habibi", "Amin", "Noori", "Fahmy", "El-Sayed", "Ben Youssef", "Nguyen", "Tran", "Santos",
];

#[rustfmt::skip]
pub(super) const BEFORE_1945_F: &[&str] = &[
    "Margaret", "Dorothy", "Mary", "Joan", "Jean", "Patricia", "Sheila", "Doreen", "Barbara", "Audrey", "Joyce",
    "Brenda", "Irene", "Betty", "Maureen", "Edna", "Elsie", "Hilda", "Ethel", "Doris", "Phyllis", "Gladys",
    "Winifred", "Kathleen", "Marjorie", "Olive", "Eileen", "Vera", "Ivy", "Beryl", "Freda", "Nora", "Lilian",
    "Elizabeth", "June", "Pamela", "Shirley", "Sylvia", "Rita", "Muriel", "Mavis", "Constance", "Enid", "Mabel",
];

#[rustfmt::skip]
pub(super) const BEFORE_1945_M: &[&str] = &[
    "John", "William", "George", "Ronald", "James", "Kenneth", "Thomas", "Robert", "Dennis", "Peter", "Alan", "Eric",
    "Derek", "Frank", "Arthur", "Albert", "Harold", "Raymond", "Leslie", "Frederick", "Stanley", "Norman", "Douglas",
    "Donald", "Gordon", "Roy", "Reginald", "Ernest", "Sidney", "Walter", "Cyril", "Jack", "Edward", "Geoffrey",
    "Brian", "Leonard", "Charles", "Harry", "Bernard", "Cecil", "Herbert", "Wilfred", "Joseph", "Clifford",
];

#[rustfmt::skip]
pub(super) const FROM_1945_F: &[&str] = &[
    "Susan", "Linda", "Christine", "Margaret", "Carol", "Jacqueline", "Julie", "Janet", "Patricia", "Barbara", "Ann",
    "Pamela", "Sandra", "Gillian", "Elizabeth", "Jennifer", "Maureen", "Sheila", "Pauline", "Jean", "Hilary",
    "Lesley", "Denise", "Lynn", "Kathleen", "Judith", "Marion", "Valerie", "Wendy", "Diane", "Elaine", "Carole",
    "Beverley", "Anne", "Mary", "Jane", "Helen", "Angela", "Deborah", "Teresa", "Rosemary", "Yvonne", "Glenys",
    "Heather",
];

#[rustfmt::skip]
pub(super) const FROM_1945_M: &[&str] = &[
    "David", "John", "Peter", "Michael", "Alan", "Robert", "Stephen", "Paul", "Brian", "Graham", "Philip", "Anthony",
    "Colin", "Christopher", "Geoffrey", "William", "James", "Keith", "Terence", "Barry", "Malcolm", "Richard", "Ian",
    "Derek", "Roger", "Raymond", "Kenneth", "Andrew", "Trevor", "Martin", "Kevin", "Nigel", "Roy", "Thomas", "Neil",
    "George", "Leslie", "Clive", "Gordon", "Patrick", "Stuart", "Dennis", "Ronald", "Bryan",
];

#[rustfmt::skip]
pub(super) const FROM_1965_F: &[&str] = &[
    "Sarah", "Claire", "Nicola", "Emma", "Lisa", "Joanne", "Michelle", "Helen", "Samantha", "Karen", "Louise",
    "Victoria", "Rachel", "Amanda", "Tracey", "Rebecca", "Julie", "Catherine", "Kelly", "Sharon", "Alison", "Jane",
    "Donna", "Paula", "Deborah", "Tracy", "Angela", "Jacqueline", "Melanie", "Dawn", "Katherine", "Andrea", "Tina",
    "Lorraine", "Clare", "Natalie", "Zoe", "Anna", "Hayley", "Charlotte", "Heidi", "Caroline", "Beverley", "Sally",
];

#[rustfmt::skip]
pub(super) const FROM_1965_M: &[&str] = &[
    "Paul", "Andrew", "Mark", "David", "Richard", "Christopher", "Stephen", "Lee", "Matthew", "Simon", "Darren",
    "Robert", "Ian", "Michael", "James", "Jason", "Daniel", "Neil", "Martin", "Gary", "John", "Stuart", "Steven",
    "Adam", "Craig", "Kevin", "Peter", "Philip", "Jonathan", "Anthony", "Wayne", "Carl", "Benjamin", "Nicholas",
    "Barry", "Sean", "Dean", "Russell", "Karl", "Graham", "Gareth", "Adrian", "Justin", "Shaun",
];

#[rustfmt::skip]
pub(super) const FROM_1985_F: &[&str] = &[
    "Laura", "Jessica", "Sophie", "Charlotte", "Emma", "Rebecca", "Lauren", "Hannah", "Amy", "Gemma", "Rachel",
    "Chloe", "Megan", "Katie", "Bethany", "Emily", "Lucy", "Georgia", "Danielle", "Natalie", "Stephanie", "Jade",
    "Kirsty", "Abigail", "Stacey", "Alice", "Holly", "Jodie", "Leanne", "Eleanor", "Olivia", "Shannon", "Molly",
    "Kayleigh", "Ellie", "Victoria", "Naomi", "Zoë", "Courtney", "Imogen", "Siân", "Rosie", "Heather", "Kimberley",
];

#[rustfmt::skip]
pub(super) const FROM_1985_M: &[&str] = &[
    "James", "Daniel", "Thomas", "Matthew", "Jack", "Joshua", "Christopher", "Adam", "Luke", "Michael", "Ryan",
    "Samuel", "Joseph", "Benjamin", "Alexander", "Liam", "Jordan", "Jake", "Andrew", "Callum", "Lewis", "Robert",
    "Connor", "Aaron", "Ashley", "Nathan", "George", "David", "Oliver", "Craig", "Kieran", "Scott", "William", "Sean",
    "Bradley", "Kyle", "Jamie", "Elliot", "Charles", "Edward", "Harry", "Dominic", "Stephen", "Marcus",
];

#[rustfmt::skip]
pub(super) const FROM_2002_F: &[&str] = &[
    "Olivia", "Amelia", "Isla", "Ava", "Emily", "Sophia", "Grace", "Mia", "Poppy", "Ella", "Lily", "Evie",
    "Charlotte", "Sophie", "Freya", "Isabella", "Jessica", "Daisy", "Alice", "Ruby", "Florence", "Willow", "Ivy",
    "Phoebe", "Matilda", "Elsie", "Rosie", "Millie", "Evelyn", "Scarlett", "Chloe", "Imogen", "Harriet", "Maisie",
    "Esmé", "Holly", "Lola", "Molly", "Megan", "Bonnie", "Summer", "Chloé", "Violet", "Nancy",
];

#[rustfmt::skip]
pub(super) const FROM_2002_M: &[&str] = &[
    "Oliver", "George", "Harry", "Jack", "Noah", "Leo", "Arthur", "Charlie", "Oscar", "Jacob", "Thomas", "Henry",
    "Freddie", "Alfie", "Theo", "William", "Archie", "Joshua", "Ethan", "Isaac", "Alexander", "Joseph", "Edward",
    "Lucas", "Logan", "Max", "Mason", "James", "Benjamin", "Finley", "Teddy", "Toby", "Dylan", "Harrison", "Reuben",
    "Callum", "Tyler", "Louis", "Rory", "Jude", "Elliott", "Albie", "Daniel", "Riley",
];

#[rustfmt::skip]
pub(super) const IRISH_F: &[&str] = &[
    "Mary", "Bridget", "Kathleen", "Siobhán", "Aoife", "Niamh", "Sinéad", "Maeve", "Orla", "Deirdre", "Nora",
    "Róisín", "Ciara", "Eileen", "Bernadette",
];

#[rustfmt::skip]
pub(super) const IRISH_M: &[&str] = &[
    "Patrick", "Seán", "Michael", "Liam", "Declan", "Brendan", "Ciarán", "Eamonn", "Conor", "Kevin", "Dermot",
    "Pádraig", "Niall", "Thomas",
];

#[rustfmt::skip]
pub(super) const EUROPEAN_F: &[&str] = &[
    "Anna", "Maria", "Katarzyna", "Elena", "Agnieszka", "Sofia", "Ioana", "Magdalena", "Małgorzata", "Ana", "Julia",
    "Giulia", "Zofia", "Inês", "Chiara", "Joanna", "Monika", "Renée", "Zoë", "Ewa", "Gabriela", "Ilse", "Kristína",
];

#[rustfmt::skip]
pub(super) const EUROPEAN_M: &[&str] = &[
    "Piotr", "Tomasz", "Andrei", "José", "Marco", "Krzysztof", "João", "Michał", "Paweł", "Alexandru", "Luca", "Jan",
    "Łukasz", "Miguel", "Stefan", "Dimitrios", "François", "Jürgen", "Mateusz", "Ivan", "Marek", "André", "László",
];

#[rustfmt::skip]
pub(super) const HINDU_SIKH_F: &[&str] = &[
    "Priya", "Anita", "Sunita", "Meena", "Harpreet", "Jasmine", "Neha", "Pooja", "Kiran", "Rekha", "Manjit", "Asha",
    "Deepa", "Lakshmi", "Simran", "Nisha", "Bhavna", "Hansa", "Kavita", "Gurpreet", "Usha", "Jaspreet", "Diya",
    "Anaya",
];

#[rustfmt::skip]
pub(super) const HINDU_SIKH_M: &[&str] = &[
    "Raj", "Sanjay", "Amit", "Rakesh", "Gurdeep", "Arjun", "Vijay", "Ashok", "Manoj", "Harjit", "Rohan", "Suresh",
    "Kishan", "Dipak", "Ravi", "Balwinder", "Anil", "Jagdish", "Nikhil", "Aarav", "Dev", "Mohan", "Sunil", "Karan",
];

#[rustfmt::skip]
pub(super) const MUSLIM_F: &[&str] = &[
    "Fatima", "Aisha", "Zainab", "Maryam", "Khadija", "Nasreen", "Shazia", "Rukhsana", "Amina", "Sadia", "Samina",
    "Yasmin", "Hafsa", "Rabia", "Noor", "Parveen", "Sumaya", "Leila", "Tahira", "Ayesha", "Salma", "Inaya", "Halima",
];

#[rustfmt::skip]
pub(super) const MUSLIM_M: &[&str] = &[
    "Mohammed", "Muhammad", "Ali", "Imran", "Abdul", "Ahmed", "Yusuf", "Tariq", "Hassan", "Ibrahim", "Mohammad",
    "Zahid", "Bilal", "Omar", "Asif", "Khalid", "Faisal", "Rashid", "Usman", "Kamran", "Nasir", "Hamza", "Idris",
];

#[rustfmt::skip]
pub(super) const CHINESE_F: &[&str] = &[
    "Mei Ling", "Xiu Ying", "Li Na", "Grace", "Wai Yee", "Jing", "Emily", "Hui Min", "Yan", "Fiona", "Siu Fong",
];

#[rustfmt::skip]
pub(super) const CHINESE_M: &[&str] = &[
    "Wei", "Ming", "Kwok Wai", "Jian", "Chi Keung", "Jason", "Hao", "Kam Wing", "Raymond", "Jun", "Tak Ming",
];

#[rustfmt::skip]
pub(super) const AFRICAN_F: &[&str] = &[
    "Grace", "Blessing", "Ngozi", "Abena", "Chioma", "Amina", "Folasade", "Comfort", "Patience", "Adwoa", "Hodan",
    "Ifeoma", "Tendai", "Zainab", "Mercy", "Yetunde", "Esther", "Selam", "Fatou", "Chipo", "Akosua", "Hibo",
];

#[rustfmt::skip]
pub(super) const AFRICAN_M: &[&str] = &[
    "Emmanuel", "Kwame", "Chinedu", "Samuel", "Olumide", "Kofi", "Joseph", "Tunde", "Abdi", "Ibrahim", "Tendai",
    "Daniel", "Emeka", "Yaw", "Solomon", "Babatunde", "Kelechi", "Farai", "Dawit", "Michael", "Sipho", "Mamadou",
];
