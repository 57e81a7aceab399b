/*
 * The page's style sheet: one accent colour, system fonts, light and dark as the reader's system
 * has it, a phone's width, and paper. Colours of text keep a contrast of 4.5 to 1 on their ground.
 */
#include "report/report_int.h"

static const char *const sheet[] = {
    /* colours */
    ":root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#151a22;--soft:#596272;"
    "--line:#e2e5ea;--well:#f1f3f6;--accent:#1d4ed8;--tint:#e8eefc;--bar:#cddafb;--good:#15803d;"
    "--bad:#b91c1c;--train:#6b7686;--heat:29 78 216;--miss:185 28 28;--on-heat:#fff;--shadow:0 1px "
    "2px "
    "rgb(16 24 40/.06),0 4px 16px rgb(16 24 40/.05)}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--card:#161b23;--ink:#e7ebf1;"
    "--soft:#9ba6b5;--line:#2a323e;--well:#1d242e;--accent:#7eaaff;--tint:#1b2a47;--bar:#274074;--"
    "good:#4ade80;"
    "--bad:#fb8585;--train:#8d99aa;--heat:37 99 235;--miss:220 38 38;--shadow:none}}\n",
    /* ground */
    "*{box-sizing:border-box}\n"
    "html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}\n"
    "body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,\"Noto Sans\",\"Liberation Sans\",Arial,sans-serif}\n"
    "header,main,footer{max-width:68rem;margin:0 auto;padding:0 1.5rem}\n"
    "header{padding-top:2.5rem}\n"
    "h1{font-size:2rem;line-height:1.2;letter-spacing:-.02em;margin:.2rem 0 .4rem;"
    "overflow-wrap:anywhere}\n"
    "h2{font-size:1.2rem;letter-spacing:-.01em;margin:0 0 .25rem}\n"
    "h3{font-size:.95rem;margin:1.5rem 0 .5rem}\n"
    "p{margin:.3rem 0}\n"
    ".brand{display:flex;align-items:center;gap:.5rem;font-weight:600;color:var(--soft);"
    "font-size:.9rem}\n"
    ".brand svg{width:1.35rem;height:1.35rem}\n"
    ".lead,.hint,figcaption,footer{color:var(--soft)}\n"
    ".lead{max-width:52rem;overflow-wrap:anywhere}\n"
    ".hint{font-size:.9rem;max-width:48rem;margin-bottom:1rem}\n"
    "nav{display:flex;flex-wrap:wrap;gap:.35rem;margin:1.1rem 0 .2rem;padding:0;font-size:.88rem}\n"
    "nav a{color:var(--soft);text-decoration:none;padding:.18rem .7rem;border:1px solid "
    "var(--line);"
    "border-radius:99px;background:var(--card)}\n"
    "nav a:hover,nav a:focus{color:var(--accent);border-color:var(--accent)}\n"
    "section{background:var(--card);border:1px solid var(--line);border-radius:14px;"
    "padding:1.5rem;margin:1rem 0;box-shadow:var(--shadow);scroll-margin-top:.5rem}\n"
    "footer{font-size:.85rem;padding-bottom:3rem;padding-top:.5rem}\n",
    /* headline */
    ".hero{display:grid;grid-template-columns:minmax(15rem,1fr) "
    "minmax(0,2fr);gap:2rem;align-items:center}\n"
    ".label{text-transform:uppercase;letter-spacing:.06em;font-size:.75rem;color:var(--soft);"
    "font-weight:600}\n"
    ".big{font-size:4.2rem;font-weight:700;letter-spacing:-.045em;line-height:1.05;margin:.1rem 0 "
    ".2rem;color:var(--accent);font-variant-numeric:tabular-nums}\n"
    ".big.none{font-size:2rem;letter-spacing:-.02em;color:var(--soft)}\n"
    ".scale{display:block;width:100%;height:auto;margin:.5rem 0}\n"
    ".stats{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:1px;"
    "background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;"
    "margin:0;padding:0;list-style:none}\n"
    ".stats li{background:var(--card);padding:.75rem .85rem}\n"
    ".stats i,.stats small{display:block;font-style:normal;font-size:.8rem;color:var(--soft)}\n"
    ".stats b{display:block;font-size:1.25rem;font-weight:650;letter-spacing:-.01em;"
    "font-variant-numeric:tabular-nums}\n"
    ".note{border-left:3px solid var(--accent);background:var(--tint);border-radius:0 8px 8px 0;"
    "padding:.6rem .9rem;font-size:.92rem;margin:.75rem 0 0;overflow-wrap:anywhere}\n"
    ".hero .note{grid-column:1/-1;margin:0}\n",
    /* what was run */
    "pre{background:var(--well);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;"
    "margin:.4rem 0 .8rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.86rem}\n"
    "code,pre,.name{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"Liberation Mono\","
    "monospace}\n"
    ".facts{display:grid;grid-template-columns:8rem minmax(0,1fr);gap:.4rem 1rem;margin:1rem 0 0}\n"
    ".facts dt{color:var(--soft)}\n"
    ".facts dd{margin:0;overflow-wrap:anywhere}\n",
    /* charts */
    ".charts{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}\n"
    "figure{margin:0}\n"
    ".chart svg{display:block;width:100%;height:auto}\n"
    "svg text{fill:var(--soft);font-size:12px;font-family:inherit}\n"
    "svg .tiny{font-size:10.5px}\n"
    "svg .strong{fill:var(--ink);font-weight:600}\n"
    ".grid{stroke:var(--line);stroke-width:1}\n"
    ".axis{stroke:var(--soft);stroke-width:1}\n"
    ".line{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}\n"
    ".train{stroke:var(--train);stroke-dasharray:1 5}\n"
    ".val{stroke:var(--accent)}\n"
    "circle.train{fill:var(--train);stroke:none}\n"
    "circle.val{fill:var(--accent);stroke:none}\n"
    ".kept{stroke:var(--ink);stroke-width:1;stroke-dasharray:3 3;opacity:.55}\n"
    ".ring{fill:var(--card);stroke:var(--accent);stroke-width:2.4}\n"
    ".band{fill:var(--accent);opacity:.28}\n"
    ".track{fill:var(--well)}\n"
    ".dot{fill:var(--accent)}\n"
    ".mark{stroke:var(--ink);stroke-width:2}\n"
    "details{margin-top:1rem}\n"
    "summary{cursor:pointer;color:var(--accent);font-size:.92rem}\n",
    /* tables */
    ".scroll{overflow-x:auto;margin:.3rem 0}\n"
    ".tall{max-height:34rem;overflow:auto}\n"
    "table{border-collapse:separate;border-spacing:0;width:100%;font-variant-numeric:tabular-nums;"
    "font-size:.92rem}\n"
    "th,td{padding:.36rem .7rem;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}\n"
    "thead th{color:var(--soft);font-weight:600;font-size:.8rem;vertical-align:bottom}\n"
    ".tall thead th{position:sticky;top:0;background:var(--card)}\n"
    "tbody tr:last-child>*{border-bottom:0}\n"
    "tbody th{font-weight:600;position:sticky;left:0;background:var(--card);"
    "background-clip:padding-box}\n"
    ".l{text-align:left}\n"
    ".wide{white-space:normal;min-width:9rem}\n"
    ".bar{background:linear-gradient(var(--bar),var(--bar)) .5rem center/calc((100% - .5rem)*"
    "var(--v)) 74% no-repeat,linear-gradient(var(--well),var(--well)) .5rem center/calc(100% - "
    ".5rem) 74% no-repeat}\n"
    ".kept-row>*{color:var(--accent);font-weight:650}\n"
    ".tag{display:inline-block;border-radius:99px;padding:0 .55rem;font-size:.78rem;"
    "background:var(--well);color:var(--soft)}\n"
    ".tag.on{background:var(--tint);color:var(--accent);font-weight:600}\n",
    /* confusion */
    ".matrix{width:auto;margin:0;border-spacing:2px;font-size:.9rem}\n"
    ".matrix th,.matrix td{border:0;padding:.3rem .45rem;text-align:center;min-width:2.3rem}\n"
    ".matrix tbody th{text-align:right;max-width:12rem;overflow:hidden;text-overflow:ellipsis}\n"
    ".matrix td{border-radius:5px;background:var(--well)}\n"
    ".matrix td.d{background:rgb(var(--heat)/var(--a))}\n"
    ".matrix td.x{background:rgb(var(--miss)/var(--a))}\n"
    ".matrix thead td{background:none}\n"
    ".matrix td.h{color:var(--on-heat)}\n"
    ".matrix td.z{color:var(--soft);opacity:.55}\n"
    ".small th,.small td{min-width:1.6rem;padding:.12rem .2rem;font-size:.75rem}\n"
    ".side{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;align-items:flex-start}\n"
    ".side>*{max-width:100%}\n"
    ".side>.pairs{flex:1 1 15rem}\n"
    ".pairs h3{margin-top:.2rem}\n",
    /* pictures */
    ".gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.9rem,1fr));gap:.7rem}\n"
    ".card{border:1px solid var(--line);border-radius:10px;overflow:hidden;background:var(--card);"
    "display:flex;flex-direction:column;break-inside:avoid}\n"
    ".shot{background:var(--well);aspect-ratio:1;position:relative;display:flex;"
    "align-items:center;justify-content:center;color:var(--soft);font-size:.8rem}\n"
    ".shot img{position:absolute;inset:0;width:100%;height:100%;object-fit:contain}\n"
    ".shot img.px{image-rendering:pixelated;inset:8%;width:84%;height:84%}\n"
    ".card figcaption{padding:.4rem .55rem .5rem;font-size:.8rem;line-height:1.4}\n"
    ".card b{display:block;font-size:.95rem;color:var(--ink);overflow-wrap:anywhere}\n"
    ".card .yes b{color:var(--good)}\n"
    ".card .no b{color:var(--bad)}\n"
    ".card.wrong{border-color:var(--bad)}\n"
    ".card .name{display:block;font-size:.72rem;overflow-wrap:anywhere;margin-top:.15rem}\n",
    /* costs */
    ".time{display:block;width:100%;height:1.1rem;border-radius:6px;margin:.6rem 0}\n"
    ".c0{fill:#93a1b5}.c1{fill:#3b6fe8}.c2{fill:#0e9f8e}.c3{fill:#c2790a}.c4{fill:#7c4ddb}"
    ".c5{fill:#c43d7c}\n"
    ".key{width:.75rem;height:.75rem;margin-right:.5rem;vertical-align:-.05rem}\n",
    /* a phone's width */
    "@media(max-width:46rem){header,main,footer{padding-left:.9rem;padding-right:.9rem}"
    "header{padding-top:1.4rem}section{padding:1.05rem;border-radius:12px}"
    ".hero,.charts{grid-template-columns:minmax(0,1fr);gap:1.2rem}h1{font-size:1.55rem}"
    ".stats{grid-template-columns:repeat(2,minmax(0,1fr))}.big{font-size:3.6rem}"
    ".facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.5rem}"
    "svg text{font-size:15px}svg .tiny{font-size:12px}th,td{padding:.36rem "
    ".5rem}.gallery{grid-template-columns:repeat(auto-fill,"
    "minmax(5.6rem,1fr));gap:.5rem}.wide{min-width:3.5rem}.matrix{border-spacing:1px;font-size:."
    "8rem}"
    ".matrix th,.matrix td{min-width:1.72rem;padding:.28rem .15rem}}\n",
    /* paper */
    "@page{margin:14mm}\n"
    "@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--well:#f3f4f6;"
    "--accent:#1d4ed8;--tint:#e8eefc;--bar:#cddafb;--good:#15803d;--bad:#b91c1c;--train:#6b7686;"
    "--heat:29 78 216;--miss:185 28 28;--shadow:none}"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "body{font-size:10pt}nav{display:none}header{padding-top:0}footer{padding-bottom:0}"
    "tbody th{position:static}.card figcaption{font-size:7.5pt;padding:.25rem .35rem}"
    "header,main,footer{max-width:none;padding-left:0;padding-right:0}"
    "section{border:0;border-top:1px solid var(--line);border-radius:0;padding:.8rem 0 0;"
    "box-shadow:none}"
    "h2,h3,.hint{break-after:avoid}p,figure,tr,.hero,.stats,.side{break-inside:avoid}"
    ".hero{gap:1rem}.stats b{font-size:11pt}.side{gap:1rem "
    "1.5rem}.side>.pairs{flex-basis:12rem}.wide{min-width:2rem}"
    ".matrix th,.matrix td{min-width:1.7rem;padding:.15rem}"
    ".scroll,.tall{overflow:visible;max-height:none}.tall thead th{position:static}"
    ".gallery{grid-template-columns:repeat(8,1fr)}.big{font-size:36pt}.card .name{font-size:6pt}"
    "th,td{padding:.2rem .4rem;font-size:8.5pt}}\n",
};

void tw_report__add_style(tw_text *page)
{
    tw_text_add(page, "<style>\n");
    for (size_t i = 0; i < sizeof sheet / sizeof *sheet; i++)
        tw_text_add(page, "%s", sheet[i]);
    tw_text_add(page, "</style>\n");
}
