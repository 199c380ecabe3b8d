import re,statistics as s
def load(f): return [l.rstrip('\n').split('|') for l in open(f)]
def save(f,R): open(f,'w').write('\n'.join('|'.join(r) for r in R)+'\n')
P=load('public.txt'); H=load('hidden.txt'); T=load('train2.txt')
CH={0:("yellow button, goes thru to the fire brigade","Keep calm if you should ever be stuck. The yellow button in the lift at Platform 3 connects you with the fire brigade day and night, and they are with you in ten minutes."),
10:("400 338, open at 8","You reach the practice of Dr Amari in Norley at 400 338, from eight to twelve and on Tuesdays until six as well. If the line is engaged, the lady at the desk will ring you back within the hour."),
12:("italian game, its easy to see the point","For the beginning most teachers recommend the Italian game, since one brings out the pieces quickly and sees why. Later you may look at the Queen's Gambit, and leave the Sicilian to those who like to suffer."),
15:("84 m, feels like 200","Our rope bridge is 84 metres long and hangs 31 metres above the brook, which makes it the third longest in the country. It was built in one summer by four men and a helicopter."),
18:("4 euros for 100 kilos of rubble","Rubble is weighed with us, and each hundred kilos costs you four euros. With a trailer of the usual size most people pay around thirty, and tiles without wood in them are cheaper."),
22:("noise? Ms Tran, 400 52","If teenagers are loud behind the school, please speak to Ms Tran, our street worker, under 400 52. She knows most of them by name, and often a talk does more than the police car."),
23:("May, warm days, around noon","Nobody can promise it, bees do as they like. But if it is warm after rain in May, come towards noon, and with luck you will see a cloud of them leave the hive."),
27:("9,000 or so","Our power station has run since 1926, and its two turbines make enough current for about nine thousand households. Last year it was painted, and the eels got a ladder of their own."),
28:("1,640 metres up","From the valley it looks as if you could touch it, and then you walk for three hours. The hut stands at 1,640 metres, so bring a jacket even in July."),
30:("40 kmh if u dont brake","The toboggan run is 900 metres long and has eleven bends, and the bravest reach forty kilometres an hour in it. At the end a camera takes your photo, which you can buy at the kiosk."),
35:("Six years, since the reform","It used to be four, which was too short for anything but promises. Since the reform a mayor is in office for six, and ours is in her fifth."),
36:("only the musk ones, late this yr","At the moment the musk roses are in flower in our garden, above all beside the pavilion, and they smell best in the evening. The climbing roses are over, and the last hips will be red by Advent."),
44:("400 m, a ring, a jump from 3 m","She will surely make it! For silver she has to swim four hundred metres in 24 minutes, dive for a ring twice, and jump from the board of three metres."),
46:("each week in nov","In November the brown bin is emptied each week in place of every second one, always on your usual day, as so much comes down from the trees. Please have it at the kerb by six."),
50:("June 1st, really","We have said so often that it would be done that nobody believes us any more. The floor comes next week, and on the first of June the brass band will play in it."),
54:("6 months, passports go back at once","Everything that is found is kept with us for half a year, and after that it is sold at the auction in the courtyard. Toys which nobody has asked for are given to the children's ward.")}
# True: the short reply goes to the question that it answers
CHshort={0:1,10:1,12:0,15:1,18:0,22:0,23:1,27:1,28:0,30:0,35:1,36:1,44:0,46:0,50:0,54:1}
CP={12:("Mr Baptiste, each 2nd evening","For nineteen years it has been Mr Baptiste from the key shop, every second evening and with both arms. On Sundays his granddaughter is allowed to count the turns."),
13:("31 m, measured w a rope","The well by the church goes down thirty-one metres, through clay, gravel and at last rock. Monks dug it with baskets and took eleven years. If you drop a pebble, count slowly to three."),
19:("four minutes, more if you scream","It feels longer, most people say! The ride takes four minutes, and when somebody screams very loudly, the man at the lever lets you go round again."),
23:("sth warm, soft soles, no white","Whoever comes to our observatory should dress as for a winter's night, even in August, with soft soles so that the dome does not shake, and without anything white. A red torch is lent to you.")}
CPshort={12:1,13:0,19:0,23:1}
SH={1,4,5,9,16,20,21,24,25,29,32,33,37,40,41,45,48,52,53,57,60,61,64,65,68,69,72,73,77,80,84,85,88,89,92,96,97}|{7,38,78,2,39}-{7,38}
SP={1,5,8,9,16,17,20,2,22}
H[2*82+1][1]="How deep are the fountains?"
H[2*42+1][1]="Who pays for our hotel after the bomb at the building site?"
P[2*7+1][1]="Is there a boat trip during the lake festival?"; P[2*7+1][2]="Lamps this year, because of the birds."
def make(R,C,Cs,S,pre):
    out=[]
    for p in range(len(R)//2):
        (_,qy,ay),(_,qn,an)=R[2*p],R[2*p+1]
        if p in C:
            sh,lo=C[p]
            y,n=(sh,lo) if Cs[p] else (lo,sh)
            out+=[['Y',qn,y,p],['N',qy,n,p]]
        elif p in S: out+=[['Y',qy,an,p],['N',qn,ay,p]]
        else: out+=[['Y',qy,ay,p],['N',qn,an,p]]
    return out
Ph=make(P,CP,CPshort,SP,'p'); Hh=make(H,CH,CHshort,SH,'h')
CT={2:("Room 5, above the stairs.","The whale is in room 5, above the stairs."),8:("Ms Duarte teaches it, she swam for Portugal.","ms Duarte, she swam for Portugal"),12:("96 euros, the first one costs 60.","The tax is 60 euros, and 96 for a second dog."),16:("every other friday","It stops in Norley every other Friday."),21:("A pipe was mended on Monday, and we flushed it with some.","flushed it with chlorine on monday"),43:("The singer has lost her voice.","the singer lost her voice"),46:("until 7, in july 8","Somebody is on watch until seven, in July until eight."),48:("An hour and a half, with the cellar.","The tour takes an hour and a half."),56:("a candle on a balcony","It began with a candle on a balcony."),83:("Five euros, for children two.","A new card costs five euros.")}
for p,(y,n) in CT.items():
    a,b=T[2*p],T[2*p+1]
    print(a[1],'#',b[1],'#',a[3],'#',b[3])
    a[1],b[1]=b[1],a[1]; a[2],b[2]=y,n
save('train3.txt',T)
save('public2.txt',[[*map(str,r)] for r in Ph]); save('hidden2.txt',[[*map(str,r)] for r in Hh])
for name,R in (('public',Ph),('hidden',Hh),('train',T)):
    L={l:[len(r[2].split()) for r in R if r[0]==l] for l in 'YN'}
    for l in 'YN': print(name,l,round(s.mean(L[l]),1),s.median(L[l]),len(L[l]))
    best=max(max(a,1-a) for t in range(1,60) for a in [(sum(n>=t for n in L['Y'])+sum(n<t for n in L['N']))/len(R)])
    def ov(r):
        st=set('the a an is are to of in on at for my i do does can what when how who where you it and be with from we our'.split())
        q=set(re.findall(r'\w+',r[1].lower()))-st; a=set(re.findall(r'\w+',r[2].lower()))-st
        return len(q&a)/max(1,len(q))
    O=[(ov(r),r[0]) for r in R]
    bo=max(max(a,1-a) for t in [i/40 for i in range(41)] for a in [sum((o>=t)==(l=='Y') for o,l in O)/len(O)])
    last=lambda q:q.rstrip('?').split('. ')[-1].split()[0]
    yn=lambda q:last(q) in 'Is Are Can Do Does Did Has Have Was Were Will May Could Must'.split()
    print(name,'best length rule',round(best,3),'best overlap rule',round(bo,3),'yesno',sum(yn(r[1])==(r[0]=='Y') for r in R)/len(R))
