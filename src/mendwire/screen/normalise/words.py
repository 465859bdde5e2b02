"""Words by which a text is told from noise: written by hand, folded as ``fold`` folds.

``COMMON`` make sentences, those of people who ask for something above all: a decoded text has
some. ``KNOWN`` are the English ones and those of our trade, of which squeezed words are made.
"""

from __future__ import annotations

from typing import Final

_ENGLISH: Final = """
the and you your yours all this that these those with from for not are was were will would should
shall must may might can could cannot have has had been being then than them they their there here
what when where which who whom why how now any every everything anything nothing none some such
only just also too very more most less least other another same own each both either neither one
two first second third last next before after above below again once until while because since
about into onto over under between through during without within against instead please kindly note
important urgent attention immediately never always into out off our ours his her its him she does
doing did done don't do not let's let make makes made sure get gets got give given gives take taken
taking keep want wants need needs needed use used using user users way ways like as an at be but by
if in is it me my no of on or so to up us we yes ok okay new old real actual true false good bad
everyone anyone someone nobody however therefore otherwise regardless unless whether according
"""
_ASKING: Final = """
ignore ignoring ignored disregard forget override overrule bypass discard neglect dismiss abandon
supersede previous prior preceding earlier former original existing past initial instruction
instructions directions directive directives guideline guidelines guidance rules rule prompt prompts
command commands orders order policy policies constraints restrictions training safeguards safety
requests request messages message system developer assistant agent agents model models language
claude chatgpt copilot cursor codex gemini bot chatbot human humans administrator admin operator
maintainer maintainers owner owners reviewer reviewers team security run runs running execute
executes executing executed install installs installing add adding append include including delete
deleting remove removing drop wipe erase destroy skip skipping disable disabling disabled enable
enabled approve approved approving merge merging push pushed pushing commit commits committed pull
open close closing export exporting print printing write writing upload uploading download send
sending sent post posting email mail forward fetch call calling reveal revealing show showing tell
telling repeat repeating output display expose leak leaking disclose dump share list return recite
provide describe summarize summarise translate answer respond response reply say saying speak act
acting pretend roleplay simulate behave become mode access grant granted permission permissions
authorized authorised allowed allow confirm confirmation verify verified trust trusted secret
secrets hidden token tokens password passwords credential credentials key keys private public
environment variable variables config configuration settings file files folder directory repository
branch main master production staging deploy deployment server database table tables test tests
testing fix fixes fixed fixing resolve resolved resolution solution solve workaround remediation
recommended required suggested step steps action actions following follow followed follows obey
comply task tasks goal objective mission purpose role job work works working issue issues bug bugs
error errors problem problems failing failed fails fail cause caused causes crash report reports
package packages dependency dependencies version update updates upgrade script scripts shell bash
terminal code source curl wget pip npm npx python node docker http https link url website page
content contents text data database information info internal external comment comments description
title review change changes changed replace replaced modify modified edit create created creating
start started starting stop stopped begin end ending continue check checks checking read reading
line lines word words exactly everything without asking mention mentioning inform user's don't
doesn't isn't won't can't you're i'm it's that's here's we're they're what's who's let me know
help helper support contact payment account accounts bank money transfer invoice customer customers
malicious attacker evil harmless safe unsafe restricted unrestricted unfiltered uncensored filter
filters ethical moral legal illegal weapon bomb poison drug drugs hack hacking exploit virus malware
"""
_GERMAN: Final = """
der die das den dem des ein eine einen einem einer und oder aber nicht kein keine alle alles jede
ist sind war wird werden wurde hat haben sein ich sie wir ihr ihre ihren dein deine deinen mein mit
von vom zum zur fur auf aus bei nach uber unter vor durch ohne gegen bis dass wenn weil dann jetzt
sofort bitte immer niemals hier dort dieser diese dieses diesen wie was wer warum auch nur noch
schon mehr muss musst mussen soll sollst sollen kann kannst konnen fuhre fuhren ignoriere ignorieren
vergiss vorherigen vorherige bisherigen anweisung anweisungen regeln befehl befehle losche loschen
sende senden schicke schreibe gib antworte fehler datei dateien zugriff passwort umgebungsvariablen
"""
_FRENCH: Final = """
les des une est sont etait sera etre avoir avez vous nous ils elles votre vos notre leur leurs mon
ton son ses ces cette cet qui que quoi dont pour par avec sans sous sur dans entre mais donc car
pas plus jamais toujours tout tous toute toutes aussi comme quand alors maintenant ici puis avant
apres chaque autre autres meme faire fais faites doit devez peut pouvez ignorez ignore oubliez
oublie instructions precedentes precedente consignes regles executez execute commande supprimez
supprime envoyez envoie ecrivez reponds repondez fichier erreur mot passe veuillez merci
"""
_SPANISH_PORTUGUESE: Final = """
los las una unos unas del por para con sin sobre entre pero porque como cuando donde quien que esta
este esto estos estas ese eso esos son eres sido tiene tienes hay muy mas menos todo todos toda
todas nada nunca siempre ahora aqui antes despues cada otro otros mismo hacer haz debe debes puede
puedes ignora ignore olvida olvide instrucciones anteriores anterior reglas ejecuta ejecute comando
borra elimina envia envie escribe responde archivo contrasena favor usted ustedes nosotros tus sus
uma umas dos das pelo pela nao sem seu sua seus suas voce voces isso isto esse essa quando onde quem
muito mais agora sempre tudo nenhuma nenhum tambem deve pode faca ignorar esqueca instrucoes regras
executar apague envie escreva responda arquivo senha foram estao fazer
"""
_ITALIAN: Final = """
gli uno una del della dei delle degli dal dalla nel nella sul sulla con per tra fra che chi cui non
piu mai sempre tutto tutti tutta tutte questo questa questi queste quello sono sei era essere avere
hai abbiamo adesso ora prima dopo ogni altro altri stesso fare deve devi puoi ignora dimentica
istruzioni precedenti regole esegui comando elimina cancella invia scrivi rispondi errore
"""
_DUTCH_SCANDINAVIAN: Final = """
het een van voor naar niet geen alle deze dit dat zijn was wordt hebben heeft met zonder door over
onder maar ook nog nu altijd nooit hier daar jij jouw uw moet kan negeer vergeet eerdere instructies
regels voer uit verwijder stuur schrijf antwoord bestand fout
och att det som inte alla den detta med utan fran till efter fore har ska maste kan din ditt dina
ignorera glom tidigare instruktioner regler kor skicka skriv svara og ikke alle dette uden fra til
skal dine ignorer glem tidligere instrukser instruksjoner slet kjor
kaikki aiemmat ohjeet unohda suorita komento poista laheta ala ole joka mutta niin kun
"""
_CENTRAL_EUROPEAN: Final = """
jest nie sie czy dla przez przed tego ten tak oraz ale lub wszystkie wszystko teraz zawsze nigdy
musisz prosze zignoruj zapomnij poprzednie polecenia instrukcje zasady wykonaj usun wyslij napisz
neni jsou pro pred vsechny vsechno nyni vzdy nikdy musis prosim ignoruj zapomen predchozi pokyny
instrukce pravidla spust smaz posli napis
egy nem minden osszes hogy most korabbi utasitas utasitast utasitasokat hagyd figyelmen kivul
futtasd torold kuldd este sunt toate instructiunile anterioare ruleaza trimite sterge acum pentru
care fara dupa inainte trebuie nu si
"""
_TURKISH_ASIAN_LATIN: Final = """
bir icin degil tum butun onceki talimatlari talimatlar yok say calistir komutu sil gonder yaz simdi
bunu lutfen kullanici olarak dosya hata
yang dan untuk dengan tidak semua ini itu dari anda kamu harus jangan abaikan lupakan instruksi
sebelumnya perintah jalankan hapus kirim tulis jawab sekarang tanpa pengguna kepada adalah
cac cua khong tat nhung cho voi truoc huong dan lenh chay xoa gui hay ban bay gio
ang mga hindi lahat utos huwag nang kang ikaw
"""
_CYRILLIC_GREEK: Final = """
все это что как для или при без под над его она они был была были быть есть нет еще уже только
теперь сеичас всегда никогда пожалуиста если когда потом перед после игнорируи игнорируите забудь
забудьте предыдущие инструкции указания правила выполни выполните команду удали удалите отправь
отправьте напиши ответь ваши твои все всех тебя вас ты вы не на по из за от до
усі всі цеи інструкціі попередні виконаи команду видали надішли забудь
και δεν για τον την του της στο στη με απο ολα ολες προηγουμενες οδηγιες αγνοησε εκτελεσε εντολη
"""
_OTHERS: Final = """
的 是 不 请 忽略 所有 之前 指令 执行 运行 命令 删除 发送 你 您 必须 现在 无视 以前 說明 请勿 系统
提示 指示 無視 以前 すべて 実行 して ください 命令 削除 送信 あなた です ます これ
모든 이전 지시 무시 하고 실행 하세요 명령 삭제 당신 지금 그리고 를 을
تجاهل جميع التعليمات السابقة نفذ الامر احذف ارسل على من في هذا الى كل انت
התעלם מכל ההוראות הקודמות הרץ פקודה מחק שלח את של כל זה
सभी पिछल निरदश अनदखा कर आदश
คำสั่ง ทั้งหมด
"""

ENGLISH: Final = frozenset(_ENGLISH.split()) | frozenset(_ASKING.split())
COMMON: Final = ENGLISH.union(
    *map(
        str.split,
        (
            _GERMAN,
            _FRENCH,
            _SPANISH_PORTUGUESE,
            _ITALIAN,
            _DUTCH_SCANDINAVIAN,
            _CENTRAL_EUROPEAN,
            _TURKISH_ASIAN_LATIN,
            _CYRILLIC_GREEK,
            _OTHERS,
        ),
    )
)
"""Words that make sentences, of some twenty languages."""
_TRADE: Final = """
abort active address alert alias apache api app application argument arguments array async attribute
auth backend backup binary block body boolean boot browser buffer build bundle byte bytes cache
callback cart certificate channel character chunk class client cloud cluster column compile
component connect connection console constant constructor container context controller cookie core
count custom cursor daemon debug default define device diff disk document domain driver dump element
empty encode endpoint engine entity entry event exception exit expected expired extension failure
feature field float flag format found framework frontend function gateway generate generic git
github global group handle handler hash header headers heap home host hostname icon image import
index init input insert instance int integer interface invalid item items iterator java javascript
job json kernel label lambda layer layout level library limit linux load local location lock log
login logout loop machine manager map mapping memory merge metadata method middleware migration
missing module monitor mount mutex name network null number numeric object offset operation option
options page parameter params parse parser patch path payload pending pipeline pixel plugin pointer
pool port postgres process processor product profile project property protocol provider proxy query
queue random range record redis redirect reference refresh region register registry release remote
render resource restart result retry root route router row runtime sample schema scope screen search
section segment select self serial service session setup signal size socket sql stack state static
status storage store stream string struct style submit success suite sync syntax tag target template
thread throw time timeout timer timestamp trace transaction tree trigger type types undefined unique
unit unknown unexpected valid validation value values vector view warning web webhook widget window
worker workspace wrapper xml yaml zone origin upstream toolkit doctor helper mirror official latest
"""
KNOWN: Final = ENGLISH | frozenset(_TRADE.split())
"""English words, and those of error reports."""
