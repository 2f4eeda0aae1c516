"""The exchange: what was found, told to others as STIX over TAXII as far as a policy and two people allow."""
