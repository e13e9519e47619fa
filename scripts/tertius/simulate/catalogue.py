"""Fixed lists of the simulated world: industries, patent classes, places and name parts.

Provinces and coordinates are real, everything that happens there is simulated.
"""

from __future__ import annotations

INDUSTRIES: tuple[tuple[str, str, str], ...] = (
    ("3921", "IT", "Communication"),
    ("1711", "traditional", "Textile"),
    ("3911", "IT", "Computing"),
    ("2710", "traditional", "Pharma"),
    ("3973", "IT", "Semiconductor"),
    ("3011", "traditional", "Cement"),
    ("6510", "IT", "Software"),
    ("3120", "traditional", "Steel"),
    ("3974", "IT", "Display"),
    ("3670", "traditional", "Automotive"),
    ("3961", "IT", "Wearables"),
    ("2641", "traditional", "Coatings"),
    ("6420", "IT", "Internet"),
    ("3444", "traditional", "Pumps"),
    ("4028", "IT", "Optics"),
    ("2221", "traditional", "Paper"),
    ("3940", "IT", "Radar"),
    ("2925", "traditional", "Plastics"),
    ("6550", "IT", "Data"),
    ("3311", "traditional", "Metalworks"),
)
"""Four-digit industry code, group (IT or traditional), word used in company names."""

CLASSES: tuple[str, ...] = (
    "H04L", "H04W", "H04B", "D06M", "D03D", "D01F", "G06F", "G06N", "G11C", "A61K",
    "C07D", "A61P", "H01L", "H10B", "C30B", "C04B", "B28B", "E04B", "G06Q", "G06T",
    "G10L", "C22C", "C21D", "B22D", "G09G", "G02F", "H05B", "B60W", "B62D", "F16D",
    "A61B", "G04G", "G08B", "C09D", "C08K", "B05D", "H04N", "H04M", "G16H", "F04D",
    "F04B", "F16K", "G02B", "G01J", "G03F", "D21H", "D21C", "B31B", "G01S", "H01Q",
    "H03F", "C08L", "B29C", "B29K", "G05B", "G07C", "G01D", "B23K", "B21D", "B23P",
)  # fmt: skip
"""IPC4 subclasses; industry k works in classes 3k, 3k+1, 3k+2 and 3k+3 (in a ring)."""

PROVINCES: tuple[tuple[str, tuple[tuple[str, float, float], ...]], ...] = (
    ("Guangdong", (("Guangzhou", 23.13, 113.26), ("Shenzhen", 22.54, 114.06),
                   ("Dongguan", 23.02, 113.75), ("Foshan", 23.02, 113.12),
                   ("Zhuhai", 22.27, 113.58))),
    ("Jiangsu", (("Nanjing", 32.06, 118.80), ("Suzhou", 31.30, 120.58),
                 ("Wuxi", 31.49, 120.31), ("Changzhou", 31.81, 119.97),
                 ("Nantong", 31.98, 120.89))),
    ("Zhejiang", (("Hangzhou", 30.27, 120.16), ("Ningbo", 29.87, 121.54),
                  ("Wenzhou", 27.99, 120.70), ("Jiaxing", 30.75, 120.76),
                  ("Shaoxing", 30.03, 120.58))),
    ("Shandong", (("Jinan", 36.65, 117.12), ("Qingdao", 36.07, 120.38),
                  ("Yantai", 37.46, 121.45), ("Weifang", 36.71, 119.16),
                  ("Zibo", 36.81, 118.05))),
    ("Sichuan", (("Chengdu", 30.57, 104.07), ("Mianyang", 31.47, 104.68),
                 ("Deyang", 31.13, 104.40), ("Yibin", 28.75, 104.64),
                 ("Leshan", 29.55, 103.77))),
    ("Hubei", (("Wuhan", 30.59, 114.31), ("Yichang", 30.69, 111.29),
               ("Xiangyang", 32.01, 112.12), ("Jingzhou", 30.33, 112.24),
               ("Huangshi", 30.20, 115.04))),
    ("Shaanxi", (("Xian", 34.34, 108.94), ("Baoji", 34.36, 107.24),
                 ("Xianyang", 34.33, 108.71), ("Weinan", 34.50, 109.51),
                 ("Hanzhong", 33.07, 107.02))),
    ("Fujian", (("Fuzhou", 26.07, 119.30), ("Xiamen", 24.48, 118.09),
                ("Quanzhou", 24.87, 118.68), ("Zhangzhou", 24.51, 117.65),
                ("Putian", 25.43, 119.01))),
)  # fmt: skip
"""Province, then its cities with latitude and longitude in degrees."""

FOREIGN: tuple[tuple[str, str, float, float], ...] = (
    ("US", "San Jose", 37.34, -121.89),
    ("JP", "Yokohama", 35.44, 139.64),
    ("DE", "Munich", 48.14, 11.58),
    ("KR", "Suwon", 37.26, 127.03),
)
"""Country, city, latitude, longitude of organisations outside the home country."""

HOME_COUNTRY = "CN"
ONSETS = ("b", "br", "c", "d", "dr", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t",
          "tr", "v", "z")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "eo")
CODAS = ("l", "n", "r", "s", "x", "m", "th", "nd", "rk", "v")
LEGAL_FORMS = ("Co., Ltd.", "Inc.", "Corporation", "Technologies Co., Ltd.", "Group Co., Ltd.",
               "GmbH", "Limited")  # fmt: skip
FOREIGN_FORMS = {"US": "Inc.", "JP": "Co., Ltd.", "DE": "GmbH", "KR": "Co., Ltd."}
HAN_FIRST = "华中国金天海东新远恒瑞宏盛嘉德启星龙凯泰"
HAN_SECOND = "锐科达源信腾飞创维通航辰宇光诚兴益邦力晟"
HAN_THIRD = "安博川帆冠衡景霖铭诺祺润硕坤讯亚泽正卓梓"
HAN_INDUSTRY = ("通信", "纺织", "计算机", "制药", "半导体", "建材", "软件", "钢铁", "显示",
                "汽车", "穿戴", "涂料", "网络", "泵业", "光电", "纸业", "雷达", "塑料", "数据",
                "金属")  # fmt: skip
HAN_FORMS = ("有限公司", "科技有限公司", "股份有限公司")
SURNAMES = ("Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Huang", "Zhao", "Wu", "Zhou", "Xu",
            "Sun", "Ma", "Zhu", "Hu", "Guo", "He", "Gao", "Lin", "Luo", "Zheng", "Liang", "Xie",
            "Song", "Tang", "Han", "Feng", "Deng", "Cao", "Peng", "Zeng", "Xiao", "Tian", "Dong",
            "Pan", "Yuan", "Cai", "Jiang", "Yu", "Du", "Ye", "Cheng", "Wei", "Su", "Lu", "Ding",
            "Ren", "Shen", "Yao", "Kim", "Park", "Sato", "Suzuki", "Tanaka", "Ito", "Miller",
            "Weber", "Fischer", "Davis", "Wilson")  # fmt: skip
GIVEN = ("Ai", "Bao", "Bin", "Bo", "Chang", "Chao", "Chun", "Da", "De", "Fang", "Fei", "Fu",
         "Gang", "Guo", "Hai", "Hao", "Hong", "Hua", "Hui", "Jia", "Jian", "Jie", "Jing", "Jun",
         "Kai", "Kun", "Lan", "Lei", "Li", "Liang", "Ling", "Long", "Mei", "Min", "Ming", "Na",
         "Ning", "Peng", "Ping", "Qi", "Qiang", "Qing", "Rong", "Rui", "Shan", "Sheng", "Shu",
         "Tao", "Ting", "Wei", "Wen", "Xia", "Xin", "Xiu", "Yan", "Yi", "Ying", "Yong", "Yu",
         "Yun", "Zhen", "Zhi", "Zhong")  # fmt: skip
FUNCTIONS = ("RD", "license", "manufacture", "marketing", "supply", "standard", "other")
FORMS = ("equity_jv", "minority_equity", "joint_rd", "licence", "marketing", "manufacturing",
         "supply")  # fmt: skip
CLAUSES = ("ip", "confidentiality", "exclusivity")
"""What the contract of a deal may provide for."""
TECHNOLOGY_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("artificial intelligence", ("G06N", "G06F", "G06Q", "G06T", "G10L")),
    ("fifth generation networks", ("H04L", "H04W", "H04B", "H04N", "H04M")),
    ("internet of things", ("G08B", "G16H", "G05B", "G07C", "G01D", "G01S")),
    ("semiconductors", ("H01L", "H10B", "G11C", "G02F", "G09G")),
    ("new materials", ("D01F", "C30B", "C04B", "C22C", "C09D", "C08K", "C08L")),
    ("equipment", ("B60W", "B62D", "F16D", "F04D", "F04B", "B23K", "B21D", "B23P")),
    ("life sciences", ("A61K", "C07D", "A61P", "A61B")),
)
"""Technology fields and their IPC4 subclasses."""
CHOKE_CLASSES = (("H01L", "2004-05-01"), ("G03F", "2004-05-01"), ("H10B", "2005-09-01"),
                 ("G06N", "2006-03-01"), ("H04W", "2006-03-01"))  # fmt: skip
"""Classes under export control and the day from which on."""
MULTILATERAL = (("DE", "2003-01-01"), ("KR", "2005-07-01"))
"""Countries of a multilateral agreement and the day of their accession."""
CULTURES: tuple[tuple[str, tuple[int, int, int, int]], ...] = (
    ("CN", (80, 20, 66, 30)),
    ("US", (40, 91, 62, 46)),
    ("JP", (54, 46, 95, 92)),
    ("DE", (35, 67, 66, 65)),
    ("KR", (60, 18, 39, 85)),
)
"""Country; power distance, individualism, masculinity and uncertainty avoidance (Hofstede 2001)."""
CULTURE_DIMENSIONS = ("power_distance", "individualism", "masculinity", "uncertainty_avoidance")
