Q,C,T="question","complaint","thanks"
SETS={
"s6a":[("What does a pitch for two people cost?",Q),("There was no hot water in the showers.",C),("Thank you, we had a great time.",T),("Do you sell gas bottles?",Q),("The cabin was dirty and the staff were rude.",C),("We loved the lake and the kind people at the desk.",T)],
"s3":[("Our heater is broken and nobody answers the phone.",C),("When does the shop open?",Q),("Such a nice stay, thanks!",T)],
"s9":[("Hello, we arrive on Saturday with a camper. Where do we check in?",Q),("We could not sleep because of the noise.",C),("Everything was perfect, from the first day to the last.",T),("could you tell me if the lake is warm enough to swim",Q),("Have you seen the toilets lately? They are disgusting.",C),("Thanks for your help with our old tent!",T),("Is breakfast included?",Q),("I want my money back. The tent leaked and the bed was wet. Thanks for nothing.",C),("We could not have wished for a better week.",T)],
"s6b":[("The food made us ill, and no one even said sorry.",C),("How warm is the water in June?",Q),("You are the best, see you next summer!",T),("Why is the gate always locked? We stood there for an hour and nobody came.",C),("I would like to know whether you have a room for six people.",Q),("My boys keep talking about the boat trip, so thank you for that.",T)],
"s6c":[("I am writing to say how much we liked the little cinema.",T),("The light in our cabin never worked.",C),("Please tell me which bus goes to your camp.",Q),("Sorry, one more thing: can we bring a second car?",Q),("It was the worst night of our holiday: rain came through the roof.",C),("A big hug to the cook, the soup was excellent!",T)],
"s12":[("Is there a doctor in the village?",Q),("The bed was broken. Please repair it. Thank you.",C),("Hello, this is Maria from the red tent.\nWhat did you do to make the evening so special? We loved it.",T),("Dear office,\nwe have been standing at the gate since noon. When does somebody come?",Q),("Do you think that this is a clean kitchen? It is full of ants.",C),("Thank you so much for the birthday cake!",T),("We need a cot for our baby. Can you lend us one?",Q),("The music was not nice, it was far too loud, and we did not sleep.",C),("We have never seen such a beautiful sunset, and never met such friendly hosts.",T),("Which way to the beach?",Q),("Never again.",C),("Top!",T)],
"s0":[],
}
TEMPL={
"kind":("Message: {input}\nKind: {output}",{}),
"is":("Message from a guest: {input}\nThis is a {output}",{T:"thank-you"}),
"doing":("{input}\n\nThe guest is {output}",{Q:"asking",C:"complaining",T:"thanking"}),
"mood":("A guest writes: {input}\nThe guest is {output}",{Q:"curious",C:"angry",T:"happy"}),
"folder":("Mail: {input}\nFolder: {output}",{Q:"Questions",C:"Complaints",T:"Thanks"}),
"cat":("Text: {input}\nCategory: {output}",{Q:"question",C:"problem",T:"praise"}),
}
INSTR={"none":"","sort":"Sort the messages of the guests of a campsite. A question asks for something, a complaint says that something was bad, and thanks say that something was good."}
SETS["s6d"]=[("How long does the walk around the lake take?",Q),("Sadly the cabin was not clean, and nobody could help us.",C),("The evening by the fire was magical.",T),("Somebody stole my bicycle from your shed.",C),("Hi! Any chance of a late check-out?",Q),("I am so grateful to the man who fixed our car.",T)]
SETS["s8"]=[("Where is the post office?",Q),("Loved it.",T),("We do not like the new rules at the pool, and the water was dirty.",C),("We are eleven people with four tents and come on Friday. Do you have a pitch near the water for us?",Q),("From the first hour we felt at home with you, and my mother, who is ninety, still talks about the boat. Thank you.",T),("Two days ago we moved into cabin six, and since then we have had no light and no heating.",C),("No towels.",C),("Many thanks to your cook!",T)]
TEMPL["mood2"]=("Letter from a guest: {input}\nThe guest feels {output}",{Q:"curious",C:"angry",T:"grateful"})
TEMPL["cat2"]=("Guest: {input}\nType: {output}",{Q:"question",C:"problem",T:"praise"})
TEMPL["mix"]=("A guest writes: {input}\nThe guest is {output}",{Q:"asking",C:"unhappy",T:"happy"})
