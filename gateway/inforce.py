"""What is in force, as it is told over MQTT: the configuration without its secrets, and the rules as they were read."""

from __future__ import annotations

from dataclasses import asdict

from gateway.configuration.config import Config, Guest, Hours, Receiver
from gateway.contract import configuration as told
from gateway.guest.links import home

DAY_S = 86400.0


def tell_configuration(config: Config) -> told.Configuration:
    """Write a configuration in the words of its file. What it does not name here is never told."""
    store, privacy = config.store, config.privacy
    return told.Configuration(
        store=told.StoreTold(
            id=store.id,
            name=store.name,
            timezone=store.timezone.key,
            latitude=store.latitude,
            longitude=store.longitude,
            opening_hours=_hours(store.opening_hours),
            language=store.language,
        ),
        gateway=told.GatewayTold(id=config.gateway.id, role=config.gateway.role),
        mqtt=told.MqttTold(urls=list(config.mqtt.urls)),
        beacons=told.BeaconsTold(namespace=config.namespace.hex() if config.namespace else None),
        receivers=[_receiver(receiver) for receiver in config.receivers],
        zones=[
            told.ZoneTold(
                id=zone.id,
                kind=zone.kind,
                name=zone.name,
                hear=[told.HearTold(receiver=h.receiver, at_least=h.at_least, offset=h.offset) for h in zone.hear],
            )
            for zone in config.zones
        ],
        rules=[file.name for file in config.rule_files],
        staff=told.StaffTold(
            groups=[
                told.GroupTold(id=group.id, devices=list(group.devices), escalate_to=group.escalate_to)
                for group in config.staff.groups
            ],
            quiet_hours=_hours(config.staff.quiet_hours),
        ),
        caps=told.CapsTold(**asdict(config.caps)),
        presence=told.PresenceTold(leave_after=f"{config.leave_after_s:g} s"),
        privacy=told.PrivacyTold(
            visits=_days(privacy.visits_s),
            alerts=_days(privacy.alerts_s),
            inactive_member=_days(privacy.inactive_member_s),
            minimum_count=privacy.minimum_count,
            private_attributes=sorted(privacy.private_attributes),
            private_offers=sorted(privacy.private_offers),
            private_addresses=privacy.private_addresses,
        ),
        guest=_guest(config.guest),
        record=config.record,
    )


def _receiver(receiver: Receiver) -> told.ReceiverTold:
    return told.ReceiverTold(
        id=receiver.id,
        driver=receiver.driver,
        adapter=receiver.adapter,
        interface=receiver.interface,
        channels=list(receiver.channels),
        ssid=receiver.ssid,
        reference=receiver.reference.identity.hex() if receiver.reference else None,
    )


def _guest(guest: Guest | None) -> told.GuestTold | None:
    """Tell of the guest network; in which file its keys lie is not told."""
    if guest is None:
        return None
    return told.GuestTold(
        receiver=guest.receiver,
        listen=home(guest.listen) if guest.listen else None,
        has_keys=guest.keys is not None,
    )


def _hours(hours: Hours | None) -> str | None:
    return f"{hours.opens:%H:%M}-{hours.closes:%H:%M}" if hours else None


def _days(seconds: float) -> str:
    return f"{seconds / DAY_S:g} days"
