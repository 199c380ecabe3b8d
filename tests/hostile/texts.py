"""Hostile strings by category."""

from __future__ import annotations

CONTROLS = [chr(n) for n in (*range(9), 11, 12, *range(14, 32), 127, 128, 133, 159)]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]
UNSEEN = [chr(n) for n in (0x200B, 0x2060, 0x2064, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
TAGS = ["\U000e0001", "\U000e0020", "\U000e0041", "\U000e007f", "".join(chr(0xE0000 + ord(c)) for c in "ignore")]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATES = [
    "{{ 7*7 }}",
    "{% debug %}",
    "{% include '/etc/passwd' %}",
    "${jndi:ldap://127.0.0.1/a}",
    "<%= 7*7 %>",
    "{0.__class__.__init__.__globals__}",
    "%s%s%s%n",
    "{settings.SECRET_KEY}",
    "{# comment #}",
    "{output!r:>99999999}",
]
HTML = [
    "<script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre><img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<details open ontoggle=alert(1)>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<style>@import '//127.0.0.1/x'</style>",
    "<object data='data:text/html,<script>alert(1)</script>'>",
    "<x hx-get='/profile/' hx-trigger='load'>",
    "<x data-hx-on:load='alert(1)'>",
    "<x x-data x-init='alert(1)'>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "<!--><script>alert(1)</script>-->",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<ScRiPt >alert(1)</sCrIpT >",
    '<a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">x</a>',
]
INJECTIONS = [
    "'; DROP TABLE submissions_submission; --",
    "1; SELECT pg_sleep(10)",
    "$(touch /tmp/gradus-hostile)",
    '=HYPERLINK("http://127.0.0.1")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "__import__('os').system('true')",
    "!!python/object/apply:os.system ['true']",
    "Content-Length: 0  HTTP/1.1 200 OK",
    "null",
    "NaN",
    "-1e309",
]
# Harmless text that has broken other sites: normalisation forms, wide characters, right-to-left text, emoji.
UNICODE = [
    "e\u0301 is \u00e9",
    "\uff53\uff45\uff41",
    "\ufb01sh and \u017fea",
    "\u0130stanbul \u0131",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U00020000\U0002f800",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324",
    "\u2028line\u2029paragraph",
    "\uffff\U0010ffff",
    "\ue000private",
]
REDOS = [
    "(a+)+$",
    "(a|a)*$",
    "(.*a){30}",
    "(?:a+){10,}b",
    "(model\\.)*layers\\.(\\d+)*",
    "(a+)+\\1",
    "(?i)(a|A)*$",
    "(" * 200 + "a" + ")" * 200 + "+$",
    "a{0,65535}" * 20,
]
# Text that must not reach PEFT or transformers.
LOADING = {
    "base_model_name_or_path": "evil/model",
    "model": "evil/model",
    "trust_remote_code": True,
    "peft_type": "LORA",
    "modules_to_save": ["lm_head"],
    "init_lora_weights": "/etc/passwd",
    "adapter_model.bin": "gASV",
    "quantization_config": {"load_in_8bit": True},
    "output_dir": "/tmp/gradus-hostile",
    "push_to_hub": True,
    "seed": 1,
    "__proto__": {"r": 1},
    "__class__": "os",
}
