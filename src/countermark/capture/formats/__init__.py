"""Log formats, each a plug-in behind the door `countermark.log_formats`; `base` is what they implement."""
