//! Names that families brought from elsewhere, commonest first within each tradition.

/// Forenames and family names of one tradition.
pub(super) struct Lists {
    pub women: &'static str,
    pub men: &'static str,
    pub families: &'static str,
}

/// Poland. Families in the masculine form; women of those in -ski, -cki, -dzki and -ny take -a.
pub(super) const POLISH: Lists = Lists {
    women: "Anna Katarzyna Agnieszka Małgorzata Magdalena Joanna Monika Aleksandra Ewa Barbara Karolina Natalia Zofia Julia \
        Maja Hanna Lena Zuzanna Alicja Oliwia Marta Paulina Sylwia Dorota Beata Justyna Iwona Izabela Kinga Weronika Dominika \
        Patrycja Wiktoria Emilia Renata Grażyna Danuta Krystyna Jadwiga Halina",
    men: "Piotr Krzysztof Andrzej Tomasz Jan Paweł Michał Marcin Jakub Adam Łukasz Marek Grzegorz Mateusz Wojciech Mariusz \
        Dariusz Rafał Kamil Robert Maciej Dawid Jacek Szymon Filip Kacper Antoni Aleksander Franciszek Mikołaj Oliwier Wiktor \
        Dominik Bartosz Sebastian Artur Przemysław Jarosław Sławomir Zbigniew Stanisław Henryk Tadeusz Józef",
    families: "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski \
        Jankowski Mazur Wojciechowski Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski Zając Pawłowski Michalski Król \
        Wieczorek Jabłoński Wróbel Nowakowski Majewski Olszewski Stępień Malinowski Jaworski Adamczyk Dudek Nowicki Pawlak \
        Górski Witkowski Walczak Sikora Baran Rutkowski Michalak Szewczyk Ostrowski Tomaszewski Pietrzak Zalewski Wróblewski \
        Marciniak Jasiński Zawadzki Bąk Jakubowski Sadowski Duda Włodarczyk Wilk Chmielewski Borkowski Sokołowski Szczepański \
        Sawicki Kucharski Lis Maciejewski Kubiak Kalinowski Mazurek Wysocki Kołodziej Kaźmierczak Czarnecki Sobczak Konieczny",
};

/// Romania.
pub(super) const ROMANIAN: Lists = Lists {
    women: "Maria Elena Ioana Andreea Mihaela Cristina Alexandra Daniela Ana Gabriela Simona Raluca Alina Roxana Florentina \
        Georgiana Mirela Nicoleta Loredana Bianca Diana Larisa Denisa Oana Claudia Monica Adriana Carmen Sofia Ilinca Daria",
    men: "Andrei Alexandru Ion Gheorghe Mihai Constantin Vasile Adrian Cristian Marian Florin Nicolae Ionuț Daniel Bogdan \
        Gabriel Marius Vlad Ștefan Cătălin Răzvan Sorin Lucian Dan Dumitru David Matei Luca Ciprian Costel Viorel Liviu Ovidiu",
    families: "Popa Popescu Ionescu Radu Stan Dumitru Stoica Gheorghe Matei Ciobanu Rusu Munteanu Constantin Dinu Marin Lazăr \
        Florea Dobre Barbu Nistor Ene Moldovan Tudor Toma Vasile Petre Sandu Ștefan Cristea Iordache Mihai Neagu Pop Dragomir \
        Oprea Anghel Diaconu Ungureanu Nicolae Preda Bucur Georgescu Lungu Manea Voicu Coman Mocanu Andrei Balan Crăciun",
};

/// The Baltic states, Ukraine, Bulgaria, Hungary, Slovakia: written with many endings.
pub(super) const EASTERN: Lists = Lists {
    women: "Kristina Olga Natalia Svetlana Irina Elena Tatjana Inga Rasa Jurga Lina Ilze Zane Oksana Maryna Yulia Iryna Viktoria \
        Desislava Ivanka Katalin Zsuzsanna Eszter Petra Lenka Zuzana Daiva Egle Anastasija Milena Diana Gergana",
    men: "Sergejs Aleksandrs Dmitrijs Andrius Tomas Mindaugas Vytautas Darius Juris Janis Oleksandr Andriy Volodymyr Serhiy Ivan \
        Georgi Dimitar Nikolay Hristo Plamen László Gábor Zoltán Ferenc Peter Martin Jozef Marek Igor Vladimir Artur Ruslan",
    families: "Ivanov Petrov Dimitrov Georgiev Nikolov Kazlauskas Jankauskas Petrauskas Stankevičius Balčiūnas Butkus Bērziņš \
        Kalniņš Ozols Jansons Ozoliņš Melnyk Shevchenko Kovalenko Bondarenko Boyko Tkachenko Kravchenko Nagy Kovács Tóth Szabó \
        Horváth Varga Kiss Novák Svoboda Horvath Balog Todorov Stoyanov Angelov Marinov Volkov Sokolov Morozov Popov Smirnov",
};

/// Spain, Portugal and Latin America: two family names, and particles.
pub(super) const IBERIAN: Lists = Lists {
    women: "María Ana Carmen Laura Marta Cristina Isabel Sofia Beatriz Inês Mariana Catarina Joana Lucía Paula Elena Sara Raquel \
        Patricia Andrea Alba Rocío Pilar Fernanda Camila Valentina Gabriela Juliana Luciana Larissa Adriana Luz Yolanda Graça \
        Fátima Teresa Rosa Daniela Carolina Alejandra",
    men: "José António João Manuel Carlos Luis Pedro Miguel Jorge Juan Francisco Javier Alejandro David Daniel Pablo Álvaro \
        Sergio Rafael Diego Tiago Diogo Ricardo Rui Nuno Bruno Gabriel Lucas Mateus Thiago Fernando Andrés Santiago Hugo Joaquim \
        Paulo Vítor Roberto Eduardo Raúl",
    families: "Silva Santos García Ferreira Pereira Rodríguez González Fernández López Martínez Sánchez Pérez Oliveira Costa \
        Rodrigues Martins Sousa Fernandes Gonçalves Gomes Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Álvarez Muñoz Romero \
        Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Lopes Marques Alves Almeida Ribeiro Pinto \
        Carvalho Teixeira Moreira Correia Mendes Nunes Soares Vieira Monteiro Cardoso Rocha Neves Coelho Cruz Castro Ortiz \
        Vargas Mendoza Rojas Quispe Lima Barbosa Araújo Souza",
};

/// Italy, France, Germany, the Netherlands, Greece, Scandinavia, the United States, Turkey and Cyprus.
pub(super) const WESTERN: Lists = Lists {
    women: "Giulia Francesca Chiara Sara Camille Marie Léa Sophie Anna Lena Katharina Julia Emma Maria Eleni Katerina Ingrid Astrid \
        Sanne Femke Margot Claire Céline Federica Valentina Silvia Elisa Martina Sabine Heike Ursula Ayşe Fatma Elif Zeynep Emine \
        Hatice Georgia Androulla Panayiota Jennifer Ashley Madison",
    men: "Marco Luca Francesco Andrea Alessandro Matteo Giovanni Giuseppe Pierre Nicolas Thomas Antoine Julien Lukas Jan Stefan \
        Michael Andreas Georgios Dimitris Nikos Christos Lars Erik Sven Jeroen Pieter Willem François Jean-Pierre Olivier Paolo \
        Mehmet Mustafa Ahmet Ali Hasan Hüseyin İbrahim Kyriacos Costas Panayiotis Tyler Brandon",
    families: "Rossi Müller Dubois Jansen Russo Ferrari Esposito Bianchi Romano Colombo Schmidt Schneider Fischer Weber Meyer Wagner \
        Becker Bernard Laurent Lefèvre Moreau Girard Petit Durand Leroy van~der~Berg van~Dijk de~Vries de~Jong van~den~Heuvel \
        von~Braun Papadopoulos Georgiou Ioannou Christodoulou Nikolaou Andreou Charalambous Constantinou Hansen Nielsen Andersson \
        Johansson Larsen Yılmaz Kaya Demir Çelik Şahin Yıldız Öztürk Aydın Özdemir Arslan Doğan Mehmet Hassan Mustafa Osman Miller \
        Johnson Di~Stefano De~Luca D'Angelo Della~Valle McKay Conti Ricci Marino Greco Bruno Gallo",
};

/// Hindus and Jains of Gujarat and the north.
pub(super) const HINDU: Lists = Lists {
    women: "Priya Anjali Neha Pooja Nisha Sunita Meena Kavita Rekha Asha Usha Hansa Jyoti Bhavna Daksha Manisha Hina Nita Pushpa \
        Kanta Sapna Shreya Diya Aanya Ananya Riya Isha Aarti Sonal Komal Shilpa Preeti Ritu Deepa Geeta Lata Sarla Savita Urmila \
        Chandrika Kokila Ramila Jaya Mina Rupal Hetal Krishna Mira Anika Kiara Myra Saanvi",
    men: "Raj Amit Rahul Sanjay Vijay Rajesh Suresh Ramesh Mahesh Dinesh Nilesh Hitesh Jayesh Bharat Ashok Anil Sunil Arun Kiran \
        Nikhil Rohan Arjun Aarav Vihaan Dev Krish Jay Neel Hari Mohan Kantilal Chandrakant Narendra Mukesh Prakash Vinod Harish \
        Jitendra Pankaj Manoj Deepak Sandeep Ravi Vikram Ajay Kunal Akash Ishaan Reyansh Vivaan Shiv Yash Parth Bhavesh Ketan",
    families: "Patel Sharma Kumar Shah Mistry Desai Mehta Joshi Gupta Chauhan Parmar Solanki Thakur Verma Bhatt Agarwal Trivedi \
        Pandya Lakhani Modi Amin Rana Dave Vyas Raval Panchal Gohil Gandhi Parekh Vaghela Makwana Jain Malhotra Kapoor Khanna \
        Chopra Mehra Bhatia Arora Sethi Sinha Mishra Tiwari Pandey Yadav Singh Rathod Tailor Limbachia Bhudia Hirani Vekaria \
        Kotecha Popat Thakrar Raja Chandarana Odedra Modhwadia",
};

/// Sikhs: Singh or Kaur as middle name, or as family name. Forenames serve women and men.
pub(super) const SIKH: Lists = Lists {
    women: "Harpreet Manpreet Jaspreet Gurpreet Amandeep Kulwinder Balwinder Sukhwinder Jasvir Paramjit Surinder Rajinder Baljit \
        Ranjit Simran Kiran Navdeep Ravinder Jagdeep Satwinder Kamaljit Mandeep Sandeep Jasmine Harleen Gurleen Amrit Daljit \
        Mohinder Gurdev Swaran Nirmal Charanjit Davinder Inderjit Narinder Parminder Satnam Sukhjit Tejinder",
    men: "Harpreet Manpreet Jaspreet Gurpreet Amandeep Kulwinder Balwinder Sukhwinder Jasvir Paramjit Surinder Rajinder Baljit \
        Ranjit Gurdeep Jagtar Mohan Karan Arjan Harjit Kulvir Navdeep Ravinder Satnam Avtar Balbir Darshan Gurmeet Hardeep Iqbal \
        Joginder Lakhbir Malkit Narinder Onkar Pritam Resham Sarbjit Tarlochan Jaskaran Harvey Gurveer Sukhdev Amar",
    families: "Gill Sandhu Dhillon Sidhu Bains Grewal Dhaliwal Sohal Bhogal Johal Mann Sahota Rai Virk Bassi Atwal Uppal Aujla \
        Dosanjh Purewal Samra Hayer Cheema Kang Basra Nijjar Sangha Toor Deol Randhawa Brar Chahal Kooner Panesar Matharu Sehmi \
        Kalsi Birdi Lall Heer Thandi Rehal Khangura Khaira Boparai",
};

/// Tamils, Malayalis, Telugus, Sinhalese: single names with the father's initial, and long ones.
pub(super) const SOUTH_INDIAN: Lists = Lists {
    women: "Lakshmi Priya Kavitha Divya Anitha Sangeetha Revathi Vasanthi Nirmala Thilaga Shanthi Malathi Kamala Gowri Meenakshi \
        Vani Deepa Anu Sindhu Reshma Jincy Sheeba Bindu Mary Annamma Nimal Chamari Dilini Kumari Sarojini Padma Sujatha Aswathy \
        Arya Keerthana Nithya Abirami Yalini Thulasi Kalpana",
    men: "Suresh Ramesh Karthik Senthil Murugan Prakash Ganesh Siva Kumar Mohan Sri Vijay Arun Rajan Saji Biju Shaji Jose Thomas \
        Varghese Anoop Vishnu Krishna Venkatesh Srinivas Ravi Chandran Nimal Sunil Asanka Ruwan Chaminda Tharindu Nadarajah \
        Selvarajah Kandiah Ponnambalam Balasubramaniam Thangarajah Yoganathan",
    families: "Nair Menon Pillai Iyer Reddy Rao Perera Fernando Silva Thomas Mathew Joseph George Varghese Kurian Jacob Chacko Philip \
        Cherian Nathan Sivakumar Sivanesan Rajaratnam Selvanayagam Kanagaratnam Thirunavukkarasu Sivapalan Mahendran Raveendran \
        Jeyakumar Sritharan Kandasamy Ganeshan Subramaniam Balakrishnan Venkatesan Ramachandran Krishnamurthy Naidu Jayawardena \
        Wickramasinghe Bandara Dissanayake Gunawardena Rajapaksa Ratnayake Herath Gurung Rai Thapa Magar Limbu Shrestha Tamang",
};

/// Pakistan. Women often bear Begum, Bibi, Akhtar, Kausar or Khatoon where a form wants a family name.
pub(super) const PAKISTANI: Lists = Lists {
    women: "Fatima Ayesha Zainab Maryam Aisha Sana Sadia Saima Nasreen Shazia Rubina Parveen Farzana Shabana Nazia Samina Naheed \
        Robina Rukhsana Tahira Zahida Shamim Nasim Khalida Razia Sakina Noreen Uzma Asma Amina Hafsa Khadija Sumaira Iqra Aliza \
        Hania Inaya Eshal Anaya Zara Laiba Alisha Humaira Bushra Kiran Mehwish Rabia Sidra Tayyaba Yasmin",
    men: "Mohammed Muhammad Ali Ahmed Hassan Hussain Imran Usman Bilal Abdul Asif Tariq Khalid Shahid Nadeem Naveed Amir Kashif \
        Zahid Sajid Waseem Faisal Adnan Omar Hamza Ibrahim Yusuf Zain Haris Saad Talha Ismail Rashid Arshad Javed Pervez Mahmood \
        Ghulam Mushtaq Nazir Bashir Iftikhar Ishaq Rehan Rizwan Shabir Tahir Waqas Yasir Zubair Haroon Eesa Musa Adam",
    families: "Khan Hussain Ahmed Ali Mahmood Akhtar Iqbal Malik Shah Begum Bibi Mohammed Rashid Aslam Hussein Mirza Butt Raja Sheikh \
        Qureshi Siddiqui Javed Yousaf Bashir Rehman Kausar Khatoon Parveen Chaudhry Bhatti Mughal Ashraf Nawaz Saleem Sharif \
        Khalid Riaz Azam Afzal Akram Anwar Arshad Ayub Dar Farooq Ghafoor Hanif Hamid Hayat Ilyas Jamil Kiani Latif Majid Nazir \
        Pervaiz Rafiq Sadiq Sarwar Shabir Tariq Younis Zaman Zafar Minhas Abbasi Baig",
};

/// Bangladesh.
pub(super) const BANGLADESHI: Lists = Lists {
    women: "Fatima Nasima Rahima Shirin Rukeya Salma Hasina Momtaz Taslima Sultana Farida Jahanara Nazma Rehana Shahana Amina Aklima \
        Halima Husna Rabeya Sufia Tahmina Nadia Sumaiya Maryam Aisha Zara Anika Tasnim Fahmida Jannat Nusrat Sabina Shamima \
        Lutfa Delwara Rina Shelina",
    men: "Mohammed Md Abdul Shah Syed Kamal Jamal Rafiq Shafiq Faruk Harun Mizanur Habibur Anwar Nurul Azizur Saiful Ataur Motiur \
        Lutfur Shamsul Aminul Rezaul Tajul Abu Ibrahim Yusuf Ayaan Zayan Rayhan Tanvir Imran Sadiq Fokrul Moynul Siraj Mujibur \
        Dilwar Foysal Jubel",
    families: "Begum Rahman Miah Ali Uddin Khatun Hussain Ahmed Islam Khan Chowdhury Bibi Hoque Haque Choudhury Alam Sultana Akhter \
        Hossain Karim Khanam Ullah Malik Sarkar Talukder Mia Kamali Kabir Munshi Aziz Hasan Azad Sheikh Siddique Bhuiyan Mahmud \
        Rashid Sikder",
};

/// The Arab countries, Iran, Afghanistan and the Kurds.
pub(super) const ARAB: Lists = Lists {
    women: "Fatima Maryam Aisha Zahra Noor Layla Sara Hanan Amal Huda Rania Dina Nadia Samira Salma Yasmin Zainab Reem Lina Mona \
        Farah Shirin Parisa Maryam Nasrin Leila Mina Soraya Shukria Zarghona Shilan Nazanin Hala Iman Khadija Asma",
    men: "Mohamed Ahmed Ali Omar Hassan Hussein Ibrahim Khaled Youssef Mahmoud Mustafa Abdullah Abdulrahman Samir Tarek Karim Bilal \
        Hamid Reza Mehdi Amir Hossein Rostam Aram Rebin Karwan Najib Gul Farid Nasir Walid Ziad Faisal Saad Anas Adel Ayman",
    families: "Al-Hassan Ahmed Ali Hassan Hussein Ibrahim Al-Khatib Mansour El-Sayed Saleh Khalil Haddad Nasser Abdullah Mahmoud \
        Al-Jaber Al-Rashid El-Amin El~Masri Al~Najjar Al-Saadi Hosseini Ahmadi Mohammadi Karimi Rezaei Rahimi Hashemi Noori \
        Popal Wardak Stanikzai Zadran Sahak Aziz Kareem Salih Rashid Hamid Othman Amin Mustafa Bakr Fadel Abbas Jaber Yousef \
        Shirazi Tehrani Sultani Safi Amiri Habibi Osman Barzani Talabani Boutros Girgis Haddadi Benali Bouzid Belkacem Ould",
};

/// Somalia: own name, father's, grandfather's.
pub(super) const SOMALI: Lists = Lists {
    women: "Fadumo Hodan Ayaan Sahra Halimo Khadra Asha Amina Hibo Ifrah Maryan Nimco Sagal Ubah Zahra Faiza Hamdi Idil Ladan \
        Muna Naima Rahma Safiya Shukri Sucdi Filsan Deqa Habibo Anab Caasha",
    men: "Mohamed Abdi Ahmed Ali Hassan Omar Yusuf Abdullahi Ibrahim Ismail Mohamud Osman Farah Warsame Jama Nur Abdirahman Hussein \
        Said Mahad Liban Guled Faisal Bashir Abdikarim Dahir Elmi Hersi Samatar Mukhtar Salad Aden Muse Sharif",
    families: "Mohamed Ali Ahmed Hassan Abdi Omar Yusuf Farah Warsame Jama Nur Hussein Ibrahim Osman Abdullahi Ismail Mohamud Adan \
        Aden Hersi Elmi Dahir Samatar Guled Salad Muse Said Sheikh Haji Hashi Duale Egal Barre Abshir",
};

/// Nigeria.
pub(super) const NIGERIAN: Lists = Lists {
    women: "Blessing Grace Esther Mary Folake Funmilayo Yetunde Ngozi Chioma Adaeze Nneka Ifeoma Amaka Abimbola Bukola Titilayo \
        Temitope Oluwaseun Omolara Kehinde Taiwo Joy Peace Patience Comfort Faith Favour Precious Aisha Hauwa Zainab Ebele Uche \
        Ijeoma Chiamaka Damilola Simisola Tolulope Victoria Elizabeth",
    men: "Oluwaseun Emmanuel Samuel David Tunde Babatunde Olumide Femi Segun Kunle Chinedu Emeka Chukwuemeka Ikenna Obinna Uche \
        Nnamdi Ifeanyi Kelechi Adebayo Ayodele Oluwatobi Temitope Kehinde Taiwo Ibrahim Musa Sani Daniel Michael Joshua \
        Olamide Damilola Tobi Ebuka Chidi Gbenga Wale Jide Akin",
    families: "Adeyemi Okafor Okonkwo Adebayo Balogun Eze Ogunleye Afolabi Nwosu Obi Okeke Adeleke Olawale Bello Ibrahim Musa Ojo \
        Adewale Ogundele Akinola Oladipo Onyekachi Nwachukwu Chukwu Okoro Uzor Igwe Okoye Ezeh Adekunle Oyelaran Fashola Alabi \
        Lawal Salami Yusuf Abiodun Ajayi Akande Omotosho Oke Williams Johnson George Davies Cole Edet Effiong Osagie Igbinedion \
        Omoregie Agbaje Bakare",
};

/// Ghana, Zimbabwe, Kenya, Uganda, Congo, Eritrea, Ethiopia, Sierra Leone, Sudan.
pub(super) const AFRICAN: Lists = Lists {
    women: "Abena Akosua Ama Adwoa Yaa Afia Esi Efua Comfort Mercy Gifty Grace Rejoice Tendai Rudo Chipo Nyasha Tatenda Wanjiku \
        Njeri Achieng Nakato Namukasa Marie Chantal Mariama Fatmata Isatu Aminata Selam Hiwot Bethlehem Tsega Almaz Ruta Winta \
        Patience Memory Precious Beauty",
    men: "Kwame Kofi Kwesi Yaw Kwabena Kojo Emmanuel Samuel Daniel Joseph Ebenezer Tendai Tinashe Tatenda Farai Tafadzwa Kudzai \
        Kamau Mwangi Otieno Ochieng Mugisha Ssali Jean Patrick Mohamed Ibrahim Abu Sorie Yonas Tesfay Samuel Dawit Bereket Daniel \
        Filmon Abel Innocent Blessing Prince",
    families: "Mensah Owusu Boateng Osei Asante Appiah Agyeman Amoah Ofori Addo Antwi Darko Acheampong Sarpong Frimpong Moyo Ncube \
        Sibanda Dube Ndlovu Chikwanha Mutasa Banda Phiri Kariuki Mwangi Kamau Otieno Okello Mugisha Kamara Sesay Koroma Conteh \
        Bangura Jalloh Tesfaye Haile Tekle Gebremariam Woldemichael Kidane Berhane Mbala Kabongo Ilunga Mukendi Elhassan Osman \
        Idris Dlamini Nkosi Gyamfi Yeboah Ampofo Oppong Kyei",
};

/// China, Hong Kong, Taiwan, Malaysia, Singapore: family name first at home. Forenames of two syllables.
pub(super) const CHINESE: Lists = Lists {
    women: "Mei~Ling Li~Na Xiu~Ying Wai~Yee Siu~Ling Yan Jing Ying Hui Min Fang Xiao~Ling Ka~Yan Wing~Yan Hoi~Yan Suk~Yin Lai~Wah \
        Mei~Fong Yuk~Lan Pui~Shan Xin~Yi Yu~Ting Shu~Fen Yue Qian Xue Na Li Lan Hua",
    men: "Wei Jun Ming Chi~Ming Kwok~Wai Ka~Ho Tsz~Kin Chun~Hei Wai~Man Kam~Fai Siu~Ming Hao~Ran Yi~Fan Zi~Xuan Xiao~Ming Jian~Guo \
        Zhi~Wei Lei Qiang Tao Bo Hao Yang Kin~Wah Yiu~Fai Chi~Keung Tak~Ming Wing~Kwong Hok~Yin Lok~Hei",
    families: "Wong Chan Chen Li Lee Wang Zhang Liu Lam Cheung Ng Leung Yang Huang Ho Wu Lau Yip Tang Chow Cheng Lin Zhao Zhou Xu Sun \
        Ma Zhu Hu Guo He Gao Luo Zheng Liang Tsang Yeung Kwok Mak Chiu Tse Fung Chu Choi Poon Siu Lo Law Man Pang Yu Yuen Tan Lim \
        Ong Goh Teo Koh Chong Foo",
};

/// Vietnam: family name, middle name (Thị, Văn), own name.
pub(super) const VIETNAMESE: Lists = Lists {
    women: "Lan Hoa Mai Huong Linh Thao Phuong Trang Ngoc Hanh Thu Yen Nga Tuyet Dung Hien Kim Bich Chau Diem Thuy Van Xuan My",
    men: "Minh Hung Dung Tuan Thanh Duc Long Quang Hai Nam Son Hoang Khanh Binh Phong Tien Cuong Vinh Huy Dat An Bao Tam Toan",
    families: "Nguyen Tran Le Pham Huynh Hoang Phan Vu Vo Dang Bui Do Ho Ngo Duong Ly Dinh Truong Luong Mai",
};

/// The Philippines, Thailand, Japan, Korea.
pub(super) const FILIPINO: Lists = Lists {
    women: "Maria Jennifer Maricel Rowena Analyn Marilou Rosalie Jocelyn Cherry Grace Lorna Evangeline Imelda Kristine Angelica \
        Princess Mary~Grace Mary~Ann Somchai Siriporn Yuki Akiko Min-Ji Soo-Jin",
    men: "Jose Juan Mark Michael Christian John~Paul Ramon Ricardo Rodel Arnel Reynaldo Ferdinand Jerome Angelo Jayson Joel Danilo \
        Kenji Takashi Min-Ho Sung-Jin",
    families: "Santos Reyes Cruz Bautista Garcia Mendoza Flores Ramos Gonzales Aquino Villanueva Castillo Rivera Dela~Cruz De~Guzman \
        Del~Rosario Delos~Santos Tolentino Salazar Pascual Mercado Kim Park Choi Tanaka Sato Suzuki Yamamoto Srisuk",
};

/// Families of the Caribbean: mostly British names, in other proportions.
pub(super) const CARIBBEAN: Lists = Lists {
    women: "Marcia Sonia Yvonne Beverley Hyacinth Icilda Gloria Merlene Pearl Una Ivy Daphne Claudette Paulette Sharon Jacqueline Tanya \
        Keisha Shanice Chantelle Aaliyah Kiara Renee Simone Natasha Rochelle Monique Tiana Amara Zuri",
    men: "Winston Leroy Errol Delroy Clive Lloyd Desmond Neville Vincent Carlton Trevor Anthony Michael Paul Marlon Jermaine Tyrone Dwayne \
        Andre Jerome Reece Malachi Elijah Isaiah Kai Zion Tyrell Omari Jaden Micah",
    families: "Campbell Brown Williams Clarke Grant Francis Thomas Gordon Morgan Bailey Henry Reid Edwards Lewis Thompson Powell Stewart \
        Robinson Douglas Samuels Charles Joseph Palmer Walters Blake Bennett Pinnock McKenzie St.~Hilaire Baptiste Johnson Smith \
        Davis Gayle Walcott Beckford Forde Alleyne Braithwaite Greenidge Dacosta McFarlane Wright Richards Lindo Cole Nelson Simpson",
};
