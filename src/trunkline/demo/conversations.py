# ruff: noqa: E501
"""What customers and support write to each other, per subject. {site}, {service} and {time} are filled in."""

from typing import NamedTuple


class Topic(NamedTuple):
    """Sentences for one subject, in the order of a conversation."""

    opening: tuple[str, ...]
    answer: tuple[str, ...]
    reply: tuple[str, ...]
    question: tuple[str, ...]  # what makes support wait for the customer
    supplier: tuple[str, ...]  # what makes support wait for the carrier
    resolution: tuple[str, ...]
    withdrawal: tuple[str, ...]


_QUESTION = (
    "Could you send us a photo of the NTE and CPE with all LEDs visible, please?",
    "Please restart the CPE (power off for 30 seconds) and tell us whether the WAN LED comes back.",
    "Who is the local contact and when can a technician enter the comms room?",
)
_SUPPLIER = (
    "We opened a ticket with the last-mile carrier and asked for their first diagnosis within the hour.",
    "The carrier confirmed an alarm on their access node; a field technician is being scheduled.",
    "Escalated to level 2 of the carrier. Next update as soon as they answer, at the latest in four hours.",
)

TOPICS: dict[str, Topic] = {
    "ServiceDown": Topic(
        opening=(
            "{service} at {site} is down since {time} UTC. Power is fine on our side, the router shows no carrier on WAN.",
            "Complete outage at {site} since {time} UTC. We run on the backup line, please treat with priority.",
            "No traffic on {service} since {time} UTC, CPE not reachable. Nobody has touched the rack.",
        ),
        answer=(
            "We see the circuit down as well: the NTE does not answer since {time} UTC. Line test towards the carrier is running.",
            "Thank you for the report. Optical level on the access port is lost, this points to the last mile. We are contacting the carrier.",
        ),
        reply=(
            "Understood. Local contact on site until 18:00, reception knows about a technician.",
            "We power-cycled the NTE, no change: the link LED stays red.",
            "Any estimate? The point of sale runs on mobile data at the moment.",
        ),
        question=_QUESTION,
        supplier=(*_SUPPLIER, "The carrier reports a fibre cut between two manholes, splicing team on its way."),
        resolution=(
            "Fibre cut repaired by the carrier; light level back to -14 dBm, no errors during the last 30 minutes. Please confirm.",
            "Faulty line card at the carrier's node replaced. Service is stable since then.",
            "A power failure at the carrier's street cabinet was the cause; service restored and monitored.",
        ),
        withdrawal=(
            "The outage was caused by our own electrician, line is back. Please cancel.",
            "Double report, please cancel this one.",
        ),
    ),
    "ServiceIntermittent": Topic(
        opening=(
            "{service} at {site} drops for one to three minutes several times an hour, first seen {time} UTC.",
            "VPN tunnels from {site} flap since {time} UTC; we count eleven interruptions so far.",
        ),
        answer=(
            "We confirm flaps in our interface counters: nine state changes since {time} UTC. A long-term line test has been started.",
            "The modem re-synchronises whenever the noise margin falls below 6 dB. We have asked the carrier for a line check.",
        ),
        reply=("It is worse in the morning, between 07:00 and 09:00.", "Cable between NTE and CPE replaced, drops go on."),
        question=_QUESTION,
        supplier=_SUPPLIER,
        resolution=(
            "Carrier changed the profile and a corroded connector; 24 hours without a drop. Please confirm.",
            "Firmware of the NTE updated, session stable for two days.",
        ),
        withdrawal=("No drop for a week, we cannot reproduce it any more. Please cancel.",),
    ),
    "ServiceDegradation": Topic(
        opening=(
            "Throughput on {service} at {site} is far below contract since {time} UTC: about a quarter of what we pay for.",
            "Packet loss of 4 % and latency of 180 ms from {site}, started around {time} UTC. Voice is unusable.",
            "Users at {site} complain about slow applications since {time} UTC; speed tests attached to our ticket confirm it.",
        ),
        answer=(
            "Our probe sees 3.8 % loss on the first hop as well. We are checking the carrier's access network for congestion.",
            "Utilisation of the line is at 97 % in upload direction. Could a backup job run at that time?",
        ),
        reply=(
            "No backup is running at that time, and the loss is there at night too.",
            "iperf results: 41 Mbit/s down, 38 Mbit/s up, wired, nothing else connected.",
        ),
        question=("Please run iperf against our test server with a wired client and send us the result.", *_QUESTION[1:]),
        supplier=_SUPPLIER,
        resolution=(
            "The carrier moved the line to another aggregation port; loss is back to 0.0 %. Please confirm.",
            "Wrong shaping profile corrected, full bandwidth measured in both directions.",
        ),
        withdrawal=("It was a misbehaving backup agent on our side. Please cancel.",),
    ),
    "RfoRequest": Topic(
        opening=(
            "Please send the reason for outage for {service} at {site}, interruption at {time} UTC. Our management asks for it.",
            "We need an RFO for the outage of {site} at {time} UTC, including measures against a repetition.",
        ),
        answer=("We have asked the carrier for the official report; it usually takes three working days.",),
        reply=("Thank you. Please include the times of every step.",),
        question=("Which interruption do you mean exactly? We have two in that night.",),
        supplier=("Report requested from the carrier, waiting for their answer.",),
        resolution=(
            "RFO: excavator damage to the feeder cable, repaired by splicing 48 fibres. Measure: the carrier re-routes the feeder this quarter.",
            "RFO: software fault of the aggregation router after planned works. Measure: release withdrawn by the carrier.",
        ),
        withdrawal=("The report has reached us through our account manager. Please cancel.",),
    ),
    "ActivationSupport": Topic(
        opening=(
            "{site} is ready for the activation of {service}. Please confirm the slot and send the final IP plan.",
            "Technician is on site at {site} to activate {service}, but no link on the NTE. Please support by phone.",
        ),
        answer=("Activation team informed; the configuration is staged and will be pushed as soon as the CPE calls home.",),
        reply=("CPE is powered and connected to port 1 of the NTE.", "Local contact has changed: reception, extension 214."),
        question=("Is the cabling between the demarcation point and the rack finished?",),
        supplier=("The carrier has not yet provisioned the port on their side; we asked for today.",),
        resolution=("Service activated, acceptance test passed: full bandwidth, 0 % loss.",),
        withdrawal=("The opening of the site is postponed, we will open a new request. Please cancel.",),
    ),
    "ChangeRequest": Topic(
        opening=(
            "Please change the static routes on {service} at {site}: add 10.24.16.0/20 via 10.24.0.2.",
            "We need an additional /28 on {service} at {site}. Form with the justification is in your inbox.",
            "Please move the DHCP pool of {site} to VLAN 120, outside of business hours.",
        ),
        answer=("Change planned for the next maintenance window; impact below one minute. Please approve.",),
        reply=("Approved, go ahead.",),
        question=("Please approve the change window: tonight, 22:00 to 23:00 local time.",),
        supplier=("The additional prefix has been requested from the carrier.",),
        resolution=("Change implemented and verified with your local contact.",),
        withdrawal=("No longer needed, our design has changed. Please cancel.",),
    ),
    "EngineerDispatch": Topic(
        opening=("Please send an engineer to {site}: the rack of {service} moves to the new comms room on the second floor.",),
        answer=("Engineer request registered. We propose two slots next week and need the access details.",),
        reply=("The first slot is fine. Badge at reception, photo identification required.",),
        question=("Which of the two slots suits the site, and is a lift available for the equipment?",),
        supplier=("Field partner asked for a confirmed name and vehicle plate.",),
        resolution=("Engineer has moved CPE and NTE; line tested, photos are attached to the visit report.",),
        withdrawal=("The move is done by our own people. Please cancel.",),
    ),
    "InformationRequest": Topic(
        opening=(
            "Which carrier delivers the last mile of {service} at {site}? We need it for our diversity audit.",
            "Please confirm the contract end date and notice period of {service} at {site}.",
        ),
        answer=("We are collecting the details and answer within two working days.",),
        reply=("Thank you, no hurry.",),
        question=("For which of the lines at the site do you need this? There are two.",),
        supplier=("Asked the carrier for the duct plan.",),
        resolution=("Details sent; the path plan shows separate ducts up to the street.",),
        withdrawal=("Found it in the portal. Please cancel.",),
    ),
    "SoftwareUpdate": Topic(
        opening=("Our security scan reports old firmware on the CPE of {service} at {site}. Please update.",),
        answer=("The recommended release is two versions newer. Update takes about ten minutes including the restart.",),
        reply=("Tonight after 21:00 local time is fine.",),
        question=("When may we restart the device?",),
        supplier=("The vendor confirmed a fix for this model in the next build; waiting for its release.",),
        resolution=("Updated to the recommended release, all tunnels re-established.",),
        withdrawal=("The device is being replaced anyway. Please cancel.",),
    ),
    "UtilizationReport": Topic(
        opening=("Please send the utilization of {service} at {site} for the last three months, 95th percentile and peaks.",),
        answer=("Report ordered from our performance database.",),
        reply=("Please add the daily averages as well.",),
        question=("Shall the report include weekends?",),
        supplier=("The carrier's counters for the first month are missing, requested.",),
        resolution=("Report sent: 95th percentile 61 % down, 23 % up. An upgrade is not needed yet.",),
        withdrawal=("We have the figures from our own monitoring. Please cancel.",),
    ),
    "Other": Topic(
        opening=(
            "New on-call number for {site}, please update your contact list for {service}.",
            "The sticker with the circuit id is missing on the NTE of {service} at {site}. Can you send a new one?",
        ),
        answer=("Thank you, we are taking care of it.",),
        reply=("Great, thanks.",),
        question=("Could you confirm the number in international form?",),
        supplier=("Passed on to the carrier's records team.",),
        resolution=("Done, records updated.",),
        withdrawal=("Already settled by phone. Please cancel.",),
    ),
}

MONITORING = (
    "Monitoring: {service} at {site} is not reachable since {time} UTC (5 of 5 probes lost). Case opened automatically."
)
THANKS = (
    "Confirmed, all good on our side. You may close the case.",
    "Works again, thank you for the quick help.",
    "Confirmed.",
)

CUSTOMER_CONTACTS = (
    "noc",
    "it.servicedesk",
    "network.operations",
    "m.ferreira",
    "s.lindholm",
    "a.kowalska",
    "j.okafor",
    "l.tanaka",
    "p.dubois",
)
SUPPORT_STAFF = (
    "Priya Nair",
    "Tomás Herrera",
    "Agnieszka Zielińska",
    "Daniel Okoye",
    "Marit Haugen",
    "Lukas Brunner",
    "Chloé Martin",
    "Wei Jun Tan",
)

CASE_REFERENCES = ("NOC-%###", "INC00#####%", "REQ%####", "SD-2#-%###", "TT %#####")
