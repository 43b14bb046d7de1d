// What this workflow's reports do beyond Snakemake's: captions below figures, the figures of a list all at once, the order
// of categories. Each part stands by itself; where Snakemake has changed, the report is as Snakemake makes it.
"use strict";

(function () {
    const ORDER = CATEGORY_ORDER; // filled in by rules/report.smk
    const STYLE = `
        .asd-figures { align-self: start; width: 100%; min-width: 0; padding: 1rem 1.5rem 4rem; }
        .asd-all { display: grid; gap: 1rem 2.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr));
            align-items: end; }
        .asd-figures h2 { font-size: 1.25rem; font-weight: 600; margin: 0.2rem 0 1rem; }
        .asd-figure { margin: 0 0 2.5rem; max-width: 76rem; }
        .asd-figure { min-width: 0; align-self: start; }
        .asd-figure img { max-width: 100%; max-height: 74vh; width: auto; height: auto; }
        .asd-figure h3 { font-weight: 600; margin: 0 0 0.4rem; }
        .asd-figure figcaption { max-width: 60rem; margin-top: 0.5rem; font-size: 0.9rem; color: #334155; }
        .asd-figure figcaption p { margin: 0.3rem 0; }
        .asd-figure code, .asd-figure tt { font-family: ui-monospace, monospace; font-size: 0.92em; }
        @media print { nav { display: none; } .h-screen { height: auto !important; overflow: visible !important; } }
    `;

    function attempt(what, change) {
        try {
            change();
        } catch (error) {
            console.warn(`${what}: this version of Snakemake's report does without (${error})`);
        }
    }

    const isImage = (path) => results[path].mime_type.startsWith("image/");

    // Labels are shown in the order of the list, which is alphabetical.
    const titleOf = (result) => Object.keys(result.labels || {}).sort((a, b) => a.localeCompare(b))
        .map((name) => [name, result.labels[name]]).filter(([, value]) => value !== "")
        .map(([name, value]) => ["figure", "detector", "page", "table"].includes(name) ? `${value}` : `${name} ${value}`)
        .join(", ");

    function figure(path, one) {
        const result = results[path];
        const title = titleOf(result) || result.name;
        return e("figure", { key: path, className: `asd-figure ${one ? "asd-one" : ""}` },
            e("h3", {}, title),
            e("a", { href: result.data_uri, target: "_blank", title: "open in full size" },
                e("img", { src: result.data_uri, alt: title, loading: one ? "eager" : "lazy" })),
            e("figcaption", { dangerouslySetInnerHTML: { __html: result.caption || "" } }));
    }

    function figures(heading, paths, one) {
        return e("div", { className: "asd-figures", key: heading }, heading ? e("h2", {}, heading) : null,
            e("div", { className: one ? "" : "asd-all" }, paths.map((path) => figure(path, one))));
    }

    // those that hold for new clips come first
    const PROTOCOLS = ["strict", "given", "paper"];
    const protocolOf = (path) => Math.max(0, PROTOCOLS.indexOf((results[path].labels || {}).protocol));

    function showAll(app, heading, paths) {
        const images = paths.filter(isImage).sort((a, b) => protocolOf(a) - protocolOf(b));
        if (images.length) {
            app.setView({ content: "asd-figures", contentPath: JSON.stringify({ heading, paths: images }) });
        }
        return images.length > 0;
    }

    attempt("style", () => {
        document.head.appendChild(document.createElement("style")).textContent = STYLE;
    });

    attempt("captions below figures", () => {
        const render = ContentDisplay.prototype.renderContent;
        ContentDisplay.prototype.renderContent = function () {
            try {
                const { content, contentPath } = this.props.app.state;
                if (content === "img") {
                    const path = Object.keys(results).find((name) => results[name].data_uri === contentPath);
                    if (path) {
                        return figures("", [path], true);
                    }
                } else if (content === "asd-figures") {
                    const { heading, paths } = JSON.parse(contentPath);
                    return figures(heading, paths, false);
                }
            } catch (error) {
                console.warn(`figures with captions: ${error}`);
            }
            return render.call(this);
        };
        // a new figure begins at its top
        const update = ContentDisplay.prototype.componentDidUpdate;
        ContentDisplay.prototype.componentDidUpdate = function (...before) {
            const shown = JSON.stringify([this.props.app.state.content, this.props.app.state.contentPath]);
            if (shown !== this.asdShown) {
                this.asdShown = shown;
                const box = document.querySelector("#app div.h-screen.overflow-auto:not(nav)");
                if (box) {
                    box.scrollTop = 0;
                }
            }
            return update ? update.apply(this, before) : undefined;
        };
    });

    attempt("lists that open with what is in them", () => {
        const mounted = Subcategory.prototype.componentDidMount;
        Subcategory.prototype.componentDidMount = function (...values) {
            const { app, category, subcategory } = this.props;
            const paths = categories[category][subcategory];
            const { content, contentPath } = app.state;
            const open = paths.some((path) => results[path].data_uri === contentPath) && content !== "asd-figures";
            const heading = isSingleSubcategory(category) ? category : `${category}: ${subcategory}`;
            if (!open && !showAll(app, heading, paths)) {
                const pages = paths.filter((path) => results[path].mime_type === "text/html");
                const first = pages.find((path) => path.endsWith("leaderboard.html")) || pages[0];
                if (first) {
                    app.setView({ content: "html", contentPath: results[first].data_uri, resultPath: first });
                }
            }
            return mounted ? mounted.apply(this, values) : undefined;
        };
    });

    attempt("categories that open with what is in them", () => {
        const mounted = Category.prototype.componentDidMount;
        Category.prototype.componentDidMount = function (...values) {
            showAll(app, this.props.category, Object.values(categories[this.props.category]).flat());
            return mounted ? mounted.apply(this, values) : undefined;
        };
    });

    attempt("the protocol that is shown first", () => {
        const initial = AbstractResults.prototype.getInitToggleState;
        AbstractResults.prototype.getInitToggleState = function (toggleLabels) {
            const toggles = initial.call(this, toggleLabels);
            for (const [label, values] of toggleLabels) {
                if (label === "protocol") {
                    toggles.set(label, PROTOCOLS.find((name) => values.includes(name)) || values[0]);
                }
            }
            return toggles;
        };
    });

    attempt("order of categories", () => {
        const items = Menu.prototype.getCategoryMenumitems;
        const place = (item) => {
            const found = ORDER.indexOf(item.key);
            return found < 0 ? ORDER.length - 1.5 : found; // others come before the last one
        };
        Menu.prototype.getCategoryMenumitems = function () {
            const found = items.call(this);
            if (!Array.isArray(found)) {
                return found;
            }
            const heading = found.filter((item) => !(item.key in categories));
            const others = found.filter((item) => item.key in categories);
            return [...heading, ...others.sort((a, b) => place(a) - place(b))];
        };
    });

    // the page may have been drawn before
    attempt("drawing again", () => {
        if (typeof app !== "undefined" && app) {
            app.setState({});
        }
    });
})();
