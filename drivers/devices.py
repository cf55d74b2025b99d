"""What is kept of a Bluetooth device from one advert to the next, as BlueZ tells of it by what is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.advertisement import ADVERT, Meaning, identify_manufacturer, identify_services
from drivers.sighting import AddressType


@dataclass(slots=True)
class Device:
    """A device: the data that it last sent, as the objects that hold them, and what they meant."""

    address: bytes
    address_type: AddressType
    again: bool = False  # heard since it was met, or last spared
    manufacturer: Mapping[int, bytes] | None = None
    services: Mapping[str, bytes] | None = None
    said: Meaning = ADVERT
    _by_manufacturer: Meaning = ADVERT
    _by_services: Meaning = ADVERT

    def hear(self, manufacturer: Mapping[int, bytes] | None, services: Mapping[str, bytes] | None) -> Meaning:
        """Return what the newest signal said.

        All that was ever told of a device is given each time, so a card that sends iBeacon and Eddystone frames in
        turn would look like an iBeacon always. What the signal brought is in new objects; where it brought no data
        at all, the device is taken for what it last said.
        """
        new = manufacturer is not self.manufacturer
        if new:
            if manufacturer != self.manufacturer:
                self._by_manufacturer = identify_manufacturer(manufacturer or {})
            self.manufacturer = manufacturer
            self.said = self._by_manufacturer
        if services is not self.services:
            if services != self.services:
                self._by_services = identify_services(services or {})
            self.services = services
            if not new or self.said is ADVERT:
                self.said = self._by_services
        return self.said
