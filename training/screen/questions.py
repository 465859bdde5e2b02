"""Harmless questions with the words of attacks: ``python -m training.screen.questions``.

People ask a help desk, a forum or a chatbot about passwords, prompts, hidden files and rules that
they want to override, and what they asked stands in an error. It means no agent any harm. Writes
``benign/own-questions.jsonl``; the same parts give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from training.screen.filling import sentences

FILE: Final = Path(__file__).parent / "benign" / "own-questions.jsonl"
SEED: Final = 20261127
ROWS: Final = 1400

_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "how": (
        "How do I", "How can I", "How would I", "What is the best way to", "Is there a way to",
        "Can I", "Is it possible to", "Could somebody tell me how to", "Should I", "Why can't I",
        "Does anybody know how to", "When should I", "I'd like to know how to", "Any idea how to",
        "What happens if I", "Is it a bad idea to", "Can you explain how to", "I am trying to",
        "Do I have to be an admin to", "Where in the settings do I",
    ),
    "do": (
        "ignore whitespace", "ignore a folder", "ignore case", "ignore outliers",
        "ignore a warning", "override a default value", "override a method",
        "override the thermostat's schedule", "bypass the cache", "bypass a broken switch",
        "disregard empty cells", "skip the first row", "forget a saved network",
        "forget an old phone", "reset a forgotten password", "drop a column",
        "reveal hidden files", "reveal the formula behind a cell", "show the hidden columns",
        "print the previous page again", "repeat the last command",
        "repeat a header on every page", "run a script at midnight",
        "run two versions side by side", "execute a stored procedure", "execute only one test",
        "delete a branch", "delete the previous backup", "delete all rows",
        "disable the alarm for one day", "disable notifications", "turn off autocorrect",
        "exit vim", "act as a guarantor", "act as the translator at a wedding",
        "pretend a request in a test", "simulate rain", "simulate a slow network",
        "switch to developer mode", "enter admin mode", "unlock the bootloader",
        "unlock my own phone", "break the habit", "jailbreak an old tablet",
        "encode a file as base64", "decode a barcode", "translate a menu",
        "summarise a long thread", "spell my own name in Greek", "reverse a list",
        "read a text backwards", "encrypt a backup", "store a secret", "rotate an API key",
        "share a password with my family", "hide a sheet", "export the variables of a notebook",
        "send the same letter to everybody", "forward my post", "upload a folder",
        "install a font", "install the update without a restart", "change my role",
        "start a new task", "end a conversation politely", "close the previous tab",
        "inject a mock", "inject a dependency", "escape a quote", "terminate a contract",
        "kill a process", "hack together a shelf", "hack the growth of my tomatoes",
        "steal the show", "attack a hill", "approve a holiday", "merge two cells",
        "merge two accounts", "push a commit", "sign a release", "leave out the instructions",
        "follow the old instructions", "update the instructions",
        "write my own rules for the filter", "make an exception to a rule",
        "remove the restrictions", "lift the limit of 20 users",
        "change the system prompt of my shell", "set a prompt",
        "get rid of the confirmation prompt", "prompt a user for a number", "train a model",
        "act on the reminder", "keep a surprise party secret", "memorise the code of my bank card",
        "remember what the previous owner said", "whitelist an address", "trust a certificate",
    ),
    "where": (
        "", "", "", "", " in Python", " in a spreadsheet", " in Excel", " on my phone", " in git",
        " in the new app", " in SQL", " in bash", " with pandas", " on Windows", " in my essay",
        " at work", " on a Mac", " in the game", " in Java", " in the browser", " for my homework",
        " without losing my data", " when the manual says otherwise", " for the whole team",
        " before the deadline", " in a letter", " in Photoshop", " on the router", " in Docker",
    ),
    "thing": (
        "system prompt", "prompt", "instruction set", "developer mode", "admin role",
        "root account", "override", "secret", "jailbreak", "injection", "token", "private key",
        "role play", "agent", "assistant", "language model", "content filter", "safety rule",
        "hidden layer", "base64", "escape sequence", "dark pattern", "persona", "password manager",
        "exploit", "firewall rule", "disclaimer", "guardrail", "previous owner",
        "default instruction", "sudo", "chat history", "white hat", "data leak", "spell checker",
        "code word", "passphrase", "placeholder", "dead man's switch", "confidential note",
        "cheat code", "master key", "system message",
    ),
    "field": (
        "", "", " in linguistics", " in medicine", " in law", " in aviation", " in theatre",
        " in machine learning", " in a car", " in a bank", " in a board game", " in a Linux shell",
        " in psychology", " in a contract", " in chess", " in a kitchen", " in an old novel",
    ),
    "about": (
        "What does '{thing}' mean{field}?", "Who invented the {thing}?",
        "Is a {thing} legal{field}?", "Why is it called a {thing}?",
        "What is the difference between a {thing} and a {thing2}?",
        "Give me an example of a {thing}{field}.", "Where does the word '{thing}' come from?",
        "How does a {thing} work{field}?", "Is '{thing}' one word or two?",
        "How safe is a {thing}?", "Explain to a child what a {thing} is.",
        "My teacher talked about a {thing}. What is that?",
        "Which book explains the {thing}{field}?", "Translate '{thing}' into Dutch, please.",
        "What are the limits of a {thing}{field}?", "Do I need a {thing}{field}?",
        "Could you recommend a course about the {thing}{field}?",
        "How old is the idea of a {thing}?",
    ),
    "verb": (
        "ignore", "override", "disregard", "bypass", "reveal", "execute", "instruct", "pretend",
        "forget", "obey", "prompt", "hack", "inject", "unlock", "disclose", "impersonate", "leak",
    ),
    "person": (
        "my boss", "my sister", "the teacher", "the doctor", "my son", "our landlord",
        "the referee", "a customer", "my neighbour", "the trainer", "the nurse", "the captain",
        "my ex", "the chef", "the seller", "the bank", "the driver", "support",
        "the previous tenant", "the author",
    ),
    "told": (
        "{person} told me to ignore {what}, is that right?",
        "{person} keeps forgetting {what}. What can I do?",
        "{person} wants me to keep {what} secret. Should I?", "Should {person} know about {what}?",
        "{person} changed {what} without telling anybody.",
        "I asked {person} to repeat {what}, and nothing came.",
        "{person} said I must follow {what} to the letter, but the sink still leaks.",
        "Please remind {person} of {what}.", "Why does {person} pretend not to see {what}?",
        "{person} sent me {what} by mistake. Do I have to delete it?",
        "I can't find {what}. {person} says it was on page 4.",
        "How do I tell {person} that {what} no longer counts?",
        "According to {person} I may skip {what}. True?",
        "{person} and I disagree about {what}; who is right?",
    ),
    "what": (
        "the instructions", "the rules of the house", "the previous message", "the new password",
        "the system", "the warning light", "the dress code", "the earlier appointment",
        "the script", "the security update", "the order of the steps", "the original recipe",
        "the last lesson", "the safety instructions", "the code of the door",
        "the secret ingredient", "the prompt", "all previous arrangements",
        "the guidelines for parents", "the token for the washing machine", "the hidden fee",
        "the admin's mail", "the old task list", "the terms", "the role of the witch",
    ),
    "piece": (
        "a short speech", "a product text", "a birthday card", "a haiku", "a regex", "a unit test",
        "a paragraph", "an apology", "a job advert", "a slogan", "a packing list",
        "a quiz question",
    ),
    "topic": (
        "a robot who forgets its instructions", "rules that children ignore", "a secret garden",
        "password hygiene", "the role of the system administrator", "an agent in a travel office",
        "prompt delivery", "a hidden waterfall", "previous winners of the race", "an old safe",
        "overriding a virtual method", "ignoring the noise of the street", "jailers of the past",
        "a model who hates trains", "the execution of a sonata", "instructing new drivers",
        "a detective who never reveals the culprit", "restrictions on watering lawns",
        "unlocking the talent of a team", "how a token economy works", "bypass surgery",
    ),
    "lang": (
        "the instructions were followed to the letter", "forget about it", "prompt payment",
        "ignore the first line", "the previous owner", "act your age", "a secret admirer",
        "over and out", "rules are rules", "no admittance", "the system is down",
        "don't tell anybody", "you are welcome",
    ),
    "tongue": (
        "French", "German", "Polish", "Japanese", "Swahili", "Latin", "Turkish", "Welsh",
    ),
    "stuff": (
        "the model ignores my second input", "the assistant keeps repeating itself",
        "the bot is stuck", "the override is not applied", "the prompt comes back empty",
        "the system role is missing", "the previous version was faster",
        "my instructions are cut after 200 letters", "the agent books the wrong flights",
        "the token expires too early", "the filter blocks my name",
        "the hidden field shows up in print", "the password is shown in clear", "sudo asks twice",
        "the admin panel forgets who I am", "the spell checker overrides my words",
        "the chat forgets me", "the translation ignores the last sentence", "the rule fires twice",
        "the secret is not mounted",
    ),
    "since": (
        "", "", " since the update", " since Tuesday", " again", " on my tablet", ", please help",
        ". What am I doing wrong?", ". Is that a known problem?", ", any ideas?",
        " and I need it today",
    ),
    "greet": (
        "", "", "", "", "Hi, ", "Hello! ", "Quick question: ",
        "Sorry if this is a stupid question. ", "Good morning. ", "Hey team, ", "Hi there, ",
    ),
    "bye": (
        "", "", "", "", "", " Thanks!", " Thank you in advance.", " Cheers", " thx",
        " Please advise.",
    ),
}  # fmt: skip
_FORMS: Final = (
    *("{greet}{how} {do}{where}?{bye}",) * 6,
    *("{greet}{about}{bye}",) * 3,
    *("{greet}{told}{bye}",) * 3,
    *("{greet}{stuff}{since}{bye}",) * 2,
    "What is another word for '{verb}'{field}?",
    "Is '{verb}' a regular verb?",
    "Use the word '{verb}' in a sentence about cooking.",
    "When do you say '{verb}' and when '{verb2}'?",
    "How do you say '{lang}' in {tongue}?",
    "Could you translate '{lang}' into {tongue}?{bye}",
    "Can you help me write {piece} about {topic}?{bye}",
    "{greet}I need {piece} about {topic} for {person}.",
    "Search: {do}{where}",
    "{do}{where}",
    "{thing} vs {thing2}",
    "{thing} {verb} how to",
    "cannot {do}{where}",
    "Feature request: let me {do}{where}.",
    "I want to {do}{where}, but the button is grey.",
    "Tutorial: how to {do}{where}",
    "Title: 'To {verb} or to {verb2}', a talk about {topic}",
    "Poll: would you {do}{where}? Yes / No / I don't know",
)
_ALL: Final = _PARTS | {"thing2": _PARTS["thing"], "verb2": _PARTS["verb"]}


def main() -> None:
    """Write the file."""
    rows = [
        {"text": text, "kind": "hard", "language": "en", "source": "own", "licence": "Apache-2.0"}
        for text in sentences(_FORMS, _ALL, SEED, ROWS)
    ]
    FILE.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    main()
