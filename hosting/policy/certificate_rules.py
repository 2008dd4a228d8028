"""Everything that can be wrong with a customer's certificate, in words that a customer understands (P31)."""

from __future__ import annotations

from hosting.policy.findings import Rule

# What was handed over

NOTHING_GIVEN = Rule(
    "nothing_given",
    "Es wurde keine Datei übergeben. Bitte übergeben Sie das Zertifikat, seinen privaten Schlüssel und die "
    "Zwischenzertifikate des Ausstellers.",
    "No file was handed over. Please hand over the certificate, its private key and the issuer's intermediate "
    "certificates.",
)
TOO_MANY_FILES = Rule(
    "too_many_files",
    "Es wurden {files} Dateien übergeben, höchstens {most} sind möglich. Bitte übergeben Sie nur das Zertifikat, den "
    "Schlüssel und die Zwischenzertifikate.",
    "{files} files were handed over, at most {most} are possible. Please hand over only the certificate, the key and "
    "the intermediate certificates.",
)
FILE_TOO_LARGE = Rule(
    "file_too_large",
    "Datei {file} ist größer als {most_kib} KiB und wurde nicht gelesen. Zertifikat und Schlüssel sind zusammen nur "
    "einige KiB groß; bitte prüfen Sie, ob es die richtige Datei ist.",
    "File {file} is larger than {most_kib} KiB and was not read. Certificate and key are only a few KiB in all; "
    "please check whether it is the right file.",
)
FILE_EMPTY = Rule(
    "file_empty",
    "Datei {file} ist leer. Bitte übergeben Sie sie noch einmal.",
    "File {file} is empty. Please hand it over again.",
)
FILE_UNKNOWN = Rule(
    "file_unknown",
    "Datei {file} enthält weder ein Zertifikat noch einen Schlüssel in einer Form, die wir lesen. Möglich sind PEM, "
    "DER, PKCS#7 (.p7b) und PKCS#12 (.pfx, .p12).",
    "File {file} holds neither a certificate nor a key in a form that we read. PEM, DER, PKCS#7 (.p7b) and PKCS#12 "
    "(.pfx, .p12) are possible.",
)
PART_CUT_OFF = Rule(
    "part_cut_off",
    "In Datei {file} fehlt das Ende eines Abschnitts „{part}“. Vermutlich ging beim Kopieren etwas verloren; bitte "
    "übergeben Sie die ganze Datei.",
    "In file {file} the end of a section “{part}” is missing. Something was probably lost in copying; please hand "
    "over the whole file.",
)
PART_IGNORED = Rule(
    "part_ignored",
    "In Datei {file} steht ein Abschnitt „{part}“. Er gehört nicht zum Zertifikat und wird nicht verwendet.",
    "File {file} has a section “{part}”. It is not part of the certificate and is not used.",
    refuses=False,
)
REQUEST_IGNORED = Rule(
    "request_ignored",
    "Datei {file} enthält eine Zertifikatsanforderung (CSR). Gebraucht wird nicht sie, sondern das Zertifikat, das "
    "der Aussteller daraus gemacht hat.",
    "File {file} holds a certificate request (CSR). What is needed is the certificate that the issuer made of it.",
    refuses=False,
)
SSH_KEY_IGNORED = Rule(
    "ssh_key_ignored",
    "Datei {file} enthält einen Schlüssel für SSH. Gebraucht wird der Schlüssel, mit dem das Zertifikat angefordert "
    "wurde.",
    "File {file} holds a key for SSH. What is needed is the key with which the certificate was requested.",
    refuses=False,
)
CERTIFICATE_DAMAGED = Rule(
    "certificate_damaged",
    "Ein Zertifikat in Datei {file} lässt sich nicht lesen; es ist beschädigt. Bitte laden Sie es beim Aussteller "
    "noch einmal herunter.",
    "A certificate in file {file} can't be read; it is damaged. Please download it again from the issuer.",
)
CONTAINER_DAMAGED = Rule(
    "container_damaged",
    "Datei {file} lässt sich nicht lesen; sie ist beschädigt oder auf eine Art gemacht, die wir nicht kennen. Bitte "
    "exportieren Sie Zertifikat und Schlüssel noch einmal, am besten in der Form PEM.",
    "File {file} can't be read; it is damaged or made in a way that we don't know. Please export certificate and key "
    "again, best in PEM form.",
)
KEY_DAMAGED = Rule(
    "key_damaged",
    "Ein Schlüssel in Datei {file} lässt sich nicht lesen; er ist beschädigt oder von einer Art, die nicht möglich "
    "ist. Möglich sind RSA ab 2048 Bit und ECDSA auf P-256 oder P-384.",
    "A key in file {file} can't be read; it is damaged or of a kind that is not possible. RSA from 2048 bits and "
    "ECDSA on P-256 or P-384 are possible.",
)
PASSPHRASE_MISSING = Rule(
    "passphrase_missing",
    "Der Inhalt von Datei {file} ist mit einer Passphrase geschützt. Bitte geben Sie sie mit an.",
    "The content of file {file} is protected by a passphrase. Please tell it as well.",
)
PASSPHRASE_WRONG = Rule(
    "passphrase_wrong",
    "Datei {file} lässt sich mit der angegebenen Passphrase nicht öffnen. Bitte prüfen Sie die Passphrase; wenn sie "
    "stimmt, exportieren Sie den Schlüssel bitte noch einmal, mit AES-256 verschlüsselt.",
    "File {file} can't be opened with the passphrase given. Please check the passphrase; if it is right, export the "
    "key again, encrypted with AES-256.",
)
ENCRYPTION_COSTLY = Rule(
    "encryption_costly",
    "Die Passphrase von Datei {file} ist mit ungewöhnlich vielen Wiederholungen geschützt; wir öffnen höchstens "
    "{most}. Bitte exportieren Sie den Schlüssel noch einmal mit den üblichen Einstellungen.",
    "The passphrase of file {file} is protected by unusually many iterations; we open at most {most}. Please export "
    "the key again with the usual settings.",
)
TOO_MANY_CERTIFICATES = Rule(
    "too_many_certificates",
    "Die Dateien enthalten {certificates} Zertifikate, höchstens {most} sind möglich. Bitte übergeben Sie nur das "
    "eigene Zertifikat und seine Zwischenzertifikate.",
    "The files hold {certificates} certificates, at most {most} are possible. Please hand over only your own "
    "certificate and its intermediate certificates.",
)

# The key

CERTIFICATE_MISSING = Rule(
    "certificate_missing",
    "Es wurde kein Zertifikat einer Website gefunden. Bitte übergeben Sie auch das Zertifikat, das für Ihre Domain "
    "ausgestellt ist.",
    "No certificate of a website was found. Please hand over the certificate as well that is issued for your domain.",
)
KEY_MISSING = Rule(
    "key_missing",
    "Es wurde kein privater Schlüssel gefunden. Bitte übergeben Sie auch den Schlüssel, mit dem das Zertifikat "
    "angefordert wurde.",
    "No private key was found. Please hand over the key as well with which the certificate was requested.",
)
KEY_OF_ANOTHER = Rule(
    "key_of_another",
    "Der private Schlüssel gehört nicht zum Zertifikat „{certificate}“. Bitte übergeben Sie den Schlüssel, mit dem "
    "es angefordert wurde.",
    "The private key does not belong to the certificate “{certificate}”. Please hand over the key with which it was "
    "requested.",
)
KEY_KIND = Rule(
    "key_kind",
    "Der Schlüssel des Zertifikats „{certificate}“ ist von der Art {key}, die nicht alle Browser annehmen. Möglich "
    "sind RSA ab 2048 Bit und ECDSA auf P-256 oder P-384; bitte lassen Sie das Zertifikat mit einem solchen "
    "Schlüssel ausstellen.",
    "The key of the certificate “{certificate}” is of the kind {key}, which not all browsers accept. RSA from 2048 "
    "bits and ECDSA on P-256 or P-384 are possible; please have the certificate issued with such a key.",
)
KEY_TOO_SHORT = Rule(
    "key_too_short",
    "Der Schlüssel des Zertifikats „{certificate}“ ist mit {bits} Bit zu kurz, um sicher zu sein; {least} Bit sind "
    "nötig. Bitte lassen Sie das Zertifikat mit einem neuen Schlüssel ausstellen.",
    "With {bits} bits the key of the certificate “{certificate}” is too short to be safe; {least} bits are needed. "
    "Please have the certificate issued with a new key.",
)
KEY_TOO_LONG = Rule(
    "key_too_long",
    "Der Schlüssel in Datei {file} ist mit {bits} Bit zu lang; höchstens {most} Bit sind möglich. Bitte lassen Sie "
    "das Zertifikat mit einem kürzeren Schlüssel ausstellen.",
    "With {bits} bits the key in file {file} is too long; at most {most} bits are possible. Please have the "
    "certificate issued with a shorter key.",
)

# The certificate itself

EXPIRED = Rule(
    "expired",
    "Das Zertifikat „{certificate}“ ist am {on} abgelaufen. Bitte lassen Sie es erneuern.",
    "The certificate “{certificate}” expired on {on}. Please have it renewed.",
)
NOT_YET_VALID = Rule(
    "not_yet_valid",
    "Das Zertifikat „{certificate}“ gilt erst ab dem {on}. Bitte übergeben Sie es dann noch einmal, oder eines, das "
    "schon gilt.",
    "The certificate “{certificate}” is not valid before {on}. Please hand it over again then, or one that is valid "
    "already.",
)
ENDS_TOO_SOON = Rule(
    "ends_too_soon",
    "Das Zertifikat „{certificate}“ läuft schon am {on} ab; mindestens {least} Tage müssen bleiben. Bitte lassen Sie "
    "es erneuern.",
    "The certificate “{certificate}” expires on {on} already; at least {least} days must be left. Please have it "
    "renewed.",
)
ENDS_SOON = Rule(
    "ends_soon",
    "Das Zertifikat „{certificate}“ läuft am {on} ab. Bitte denken Sie an die Erneuerung.",
    "The certificate “{certificate}” expires on {on}. Please remember to renew it.",
    refuses=False,
)
NAME_NOT_COVERED = Rule(
    "name_not_covered",
    "Das Zertifikat gilt nicht für {host}, sondern für: {names}. Bitte lassen Sie eines für {host} ausstellen.",
    "The certificate is not valid for {host} but for: {names}. Please have one issued for {host}.",
)
NAME_BEYOND_WILDCARD = Rule(
    "name_beyond_wildcard",
    "Das Zertifikat gilt für {wildcard}, aber nicht für {host}: Der Stern steht für genau einen Namensteil. Bitte "
    "lassen Sie eines ausstellen, in dem {host} genannt ist.",
    "The certificate is valid for {wildcard} but not for {host}: the asterisk stands for exactly one part of a name. "
    "Please have one issued that names {host}.",
)
NAME_NOT_LISTED = Rule(
    "name_not_listed",
    "Das Zertifikat nennt {host} nur als allgemeinen Namen (CN), den Browser nicht mehr beachten. Bitte lassen Sie "
    "eines ausstellen, in dem {host} als alternativer Name (SAN) steht.",
    "The certificate names {host} only as its common name (CN), which browsers no longer heed. Please have one "
    "issued that has {host} as an alternative name (SAN).",
)
SELF_SIGNED = Rule(
    "self_signed",
    "Das Zertifikat „{certificate}“ hat sich selbst unterschrieben; Browser vertrauen ihm nicht. Bitte lassen Sie "
    "eines von einer anerkannten Zertifizierungsstelle ausstellen.",
    "The certificate “{certificate}” is signed by itself; browsers don't trust it. Please have one issued by a "
    "recognised certificate authority.",
)
IS_AUTHORITY = Rule(
    "is_authority",
    "„{certificate}“ ist das Zertifikat einer Zertifizierungsstelle, nicht das einer Website. Bitte übergeben Sie "
    "das Zertifikat Ihrer Website.",
    "“{certificate}” is the certificate of an authority, not of a website. Please hand over your website's "
    "certificate.",
)
NOT_FOR_SERVERS = Rule(
    "not_for_servers",
    "Das Zertifikat „{certificate}“ ist nicht für Websites ausgestellt (etwa nur für E-Mail oder zur Anmeldung). "
    "Bitte lassen Sie ein Serverzertifikat ausstellen.",
    "The certificate “{certificate}” is not issued for websites (but perhaps for mail or for signing in). Please "
    "have a server certificate issued.",
)
MUST_STAPLE = Rule(
    "must_staple",
    "Das Zertifikat „{certificate}“ verlangt „OCSP Must-Staple“; das bieten unsere Server nicht, und Firefox zeigte "
    "eine Warnung. Bitte lassen Sie es ohne diese Eigenschaft ausstellen.",
    "The certificate “{certificate}” demands “OCSP must-staple”; our servers don't offer it, and Firefox would warn. "
    "Please have it issued without it.",
)
WEAK_SIGNATURE = Rule(
    "weak_signature",
    "Das Zertifikat „{certificate}“ ist mit {algorithm} unterschrieben; das gilt als unsicher, und Browser lehnen es "
    "ab. Bitte lassen Sie ein neues ausstellen.",
    "The certificate “{certificate}” is signed with {algorithm}, which is held unsafe, and browsers refuse it. "
    "Please have a new one issued.",
)

# Its issuers

INTERMEDIATE_MISSING = Rule(
    "intermediate_missing",
    "Es fehlt das Zwischenzertifikat „{issuer}“, mit dem „{certificate}“ unterschrieben ist. Der Aussteller bietet "
    "es zum Herunterladen an.",
    "The intermediate certificate “{issuer}”, with which “{certificate}” is signed, is missing. The issuer offers it "
    "for download.",
)
INTERMEDIATE_MISSING_AT = Rule(
    "intermediate_missing_at",
    "Es fehlt das Zwischenzertifikat „{issuer}“, mit dem „{certificate}“ unterschrieben ist. Der Aussteller bietet "
    "es hier an: {link}",
    "The intermediate certificate “{issuer}”, with which “{certificate}” is signed, is missing. The issuer offers it "
    "here: {link}",
)
ISSUER_OF_ANOTHER = Rule(
    "issuer_of_another",
    "Das mitgegebene Zertifikat „{issuer}“ heißt zwar wie der Aussteller von „{certificate}“, hat es aber nicht "
    "unterschrieben. Bitte übergeben Sie das passende Zwischenzertifikat.",
    "The certificate “{issuer}” that was handed over bears the name of the issuer of “{certificate}” but did not "
    "sign it. Please hand over the intermediate certificate that fits.",
)
ISSUER_NO_AUTHORITY = Rule(
    "issuer_no_authority",
    "„{certificate}“ ist von „{issuer}“ unterschrieben, das keine Zertifikate für Websites ausstellen darf. Bitte "
    "lassen Sie das Zertifikat von einer anerkannten Zertifizierungsstelle ausstellen.",
    "“{certificate}” is signed by “{issuer}”, which may not issue certificates for websites. Please have the "
    "certificate issued by a recognised certificate authority.",
)
ISSUER_EXPIRED = Rule(
    "issuer_expired",
    "Das Zertifikat des Ausstellers „{certificate}“ ist am {on} abgelaufen. Bitte holen Sie beim Aussteller das "
    "aktuelle.",
    "The issuer's certificate “{certificate}” expired on {on}. Please get the current one from the issuer.",
)
ISSUER_NOT_YET_VALID = Rule(
    "issuer_not_yet_valid",
    "Das Zertifikat des Ausstellers „{certificate}“ gilt erst ab dem {on}. Bitte holen Sie beim Aussteller das "
    "aktuelle.",
    "The issuer's certificate “{certificate}” is not valid before {on}. Please get the current one from the issuer.",
)
ISSUER_WEAK_KEY = Rule(
    "issuer_weak_key",
    "Das Zertifikat des Ausstellers „{certificate}“ hat einen Schlüssel, den Browser nicht annehmen ({key}). Bitte "
    "lassen Sie das Zertifikat von einer anerkannten Zertifizierungsstelle ausstellen.",
    "The issuer's certificate “{certificate}” has a key that browsers don't accept ({key}). Please have the "
    "certificate issued by a recognised certificate authority.",
)
ROOT_UNKNOWN = Rule(
    "root_unknown",
    "Das Zertifikat führt auf „{issuer}“ zurück; dieser Zertifizierungsstelle vertrauen Browser nicht. Bitte lassen "
    "Sie es von einer anerkannten ausstellen.",
    "The certificate leads back to “{issuer}”; browsers don't trust this authority. Please have it issued by a "
    "recognised one.",
)
NAMES_NOT_PERMITTED = Rule(
    "names_not_permitted",
    "„{issuer}“ darf nur für bestimmte Namen Zertifikate ausstellen ({limits}); dieses hält sich nicht daran. Bitte "
    "wenden Sie sich an den Aussteller.",
    "“{issuer}” may issue certificates for certain names only ({limits}); this one does not keep to them. Please ask "
    "the issuer.",
)
PATH_TOO_LONG = Rule(
    "path_too_long",
    "„{issuer}“ erlaubt nicht so viele Zwischenzertifikate, wie zwischen ihm und Ihrem Zertifikat stehen. Bitte "
    "wenden Sie sich an den Aussteller.",
    "“{issuer}” does not allow as many intermediate certificates as stand between it and your certificate. Please "
    "ask the issuer.",
)
CHAIN_REFUSED = Rule(
    "chain_refused",
    "Die Kette vom Zertifikat zu einer anerkannten Zertifizierungsstelle hält der Prüfung nicht stand ({detail}). "
    "Bitte wenden Sie sich mit dieser Meldung an den Aussteller.",
    "The chain from the certificate to a recognised authority does not stand the check ({detail}). Please ask the "
    "issuer, with this message.",
)
CERTIFICATE_UNUSED = Rule(
    "certificate_unused",
    "Das Zertifikat „{certificate}“ wird nicht gebraucht und nicht mitgeschickt.",
    "The certificate “{certificate}” is not needed and not sent along.",
    refuses=False,
)
INSPECTION_COSTLY = Rule(
    "inspection_costly",
    "Die Dateien konnten in der dafür vorgesehenen Zeit nicht geprüft werden. Bitte übergeben Sie Zertifikat, "
    "Schlüssel und Zwischenzertifikate einzeln und in PEM-Form.",
    "The files could not be checked in the time there is for it. Please hand the certificate, the key and the "
    "intermediate certificates over one by one and in PEM form.",
)
