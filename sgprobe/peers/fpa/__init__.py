"""The factory line: deliveries in stock, stations that load devices offline, loading reports."""
