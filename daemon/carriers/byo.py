"""Your own PBX, or any carrier without an API here: recipes that send one number to the platform.

Facts: Asterisk's pjsip options and FreeSWITCH's mod_sofia, as their sources have them; port 5061 is what
`transport=tls` means without a port (RFC 3261). None was run against the platform. Pure text, without secrets: where
the SIP password belongs, `SIP_PASSWORD` stands.
"""

from typing import Final

PLACEHOLDER: Final = "SIP_PASSWORD"
"""Stands where the password belongs."""

_ASTERISK: Final = """\
; pjsip.conf   (";" starts a comment, so it is escaped in URIs)
[transport-tls]
type=transport
protocol=tls
bind=0.0.0.0:5061
method=tlsv1_2
ca_list_file=/etc/ssl/certs/ca-certificates.crt
verify_server=yes
; behind NAT: external_signaling_address, external_media_address and local_net
{auth}
[xai]
type=aor
contact=sip:{host}:5061\\;transport=tls

[xai]
type=endpoint
transport=transport-tls
context=from-xai
aors=xai{outbound_auth}
disallow=all
allow=ulaw,alaw,g722
direct_media=no
dtmf_mode=rfc4733
media_encryption=no
allow_transfer=yes

; extensions.conf
[from-pstn]
exten => {number},1,NoOp(to the platform)
 same => n,Dial(PJSIP/{number}@xai,60)
 same => n,Hangup()
exten => {digits},1,Goto({number},1)

[from-xai]                 ; where transfers are looked up; a tel: target is answered 400, so use sip:
exten => _[+]X.,1,Dial(PJSIP/${{EXTEN}}@YOUR-PSTN-TRUNK,60)

; then: pjsip reload, dialplan reload; look with: pjsip show endpoint xai, pjsip set logger on
"""

_ASTERISK_AUTH: Final = """
[xai-auth]
type=auth
auth_type=userpass
username={username}
password={password}
"""

_FREESWITCH: Final = """\
<!-- vars.xml: external_ssl_enable=true, sip_tls_version=tlsv1.2 -->
<!-- sip_profiles/external.xml: tls-verify-policy "out" -->
<!-- sip_profiles/external/xai.xml -->
<include>
  <gateway name="xai">
    <param name="proxy" value="{host}:5061"/>
    <param name="register" value="false"/>
    <param name="register-transport" value="tls"/>{credentials}
    <param name="caller-id-in-from" value="true"/>
  </gateway>
</include>

<!-- dialplan, public context -->
<extension name="xai">
  <condition field="destination_number" expression="^\\+?{digits}$">
    <action application="set" data="absolute_codec_string=PCMU,PCMA,G722"/>
    <action application="set" data="hangup_after_bridge=true"/>
    <action application="bridge" data="sofia/gateway/xai/{number}"/>
  </condition>
</extension>

<!-- then: reloadxml, sofia profile external restart; look with: sofia status gateway xai -->
"""

_FREESWITCH_CREDENTIALS: Final = """
    <param name="username" value="{username}"/>
    <param name="password" value="{password}"/>"""

_GENERIC: Final = """\
A trunk without registration, and a route of the number to it:
  host                   {host}, port 5061, TLS 1.2 or newer, server name and certificate checked
  request URI            sip:{number}@{host};transport=tls
  authentication         {authentication}
  number format          E.164 with the plus sign, the destination number unchanged
  codecs                 PCMU, PCMA or G.722, and telephone-event (RFC 4733) for keys
  media                  plain RTP through the PBX (no direct media)
  transfers              REFER from the platform must be allowed; targets are sip: addresses of your PBX
"""


def recipes(number: str, host: str, username: str = "") -> dict[str, str]:
    """The recipes by name; with a user name, they authenticate by digest, else by the PBX's address."""
    digits = number.removeprefix("+")
    names = {"number": number, "digits": digits, "host": host, "username": username, "password": PLACEHOLDER}
    credentials = f"digest, user {username}, password {PLACEHOLDER}"
    return {
        "Asterisk (PJSIP)": _ASTERISK.format(
            **names,
            auth=_ASTERISK_AUTH.format(**names) if username else "",
            outbound_auth="\noutbound_auth=xai-auth" if username else "",
        ),
        "FreeSWITCH": _FREESWITCH.format(
            **names, credentials=_FREESWITCH_CREDENTIALS.format(**names) if username else ""
        ),
        "any other PBX or trunk": _GENERIC.format(
            **names, authentication=credentials if username else "by address: the PBX calls from one that was allowed"
        ),
    }
