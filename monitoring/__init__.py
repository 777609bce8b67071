"""What Prometheus and Grafana are told: rules, alerts and dashboards, as code; `make dashboards` writes them into the
chart."""
